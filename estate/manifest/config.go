package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

// The identity of the estate file.
const (
	configAPIVersion = "cofferdam.dev/v1alpha1"
	configKind       = "Estate"
	maxConfigBytes   = 8 << 20 // thousands of owners fit in a megabyte
)

type configFile struct {
	APIVersion  string       `yaml:"apiVersion"`
	Kind        string       `yaml:"kind"`
	Cluster     string       `yaml:"cluster"`
	Zones       []configZone `yaml:"zones"`
	Protected   []string     `yaml:"protected"`
	Vital       []string     `yaml:"vital"`
	Criticality []struct {
		Select string `yaml:"select"`
		Level  string `yaml:"level"`
	} `yaml:"criticality"`
	Owners []struct {
		Select  string `yaml:"select"`
		Owner   string `yaml:"owner"`
		Contact string `yaml:"contact"`
	} `yaml:"owners"`
}

type configZone struct {
	Name              string          `yaml:"name"`
	Namespaces        []string        `yaml:"namespaces"`
	NamespaceSelector *configSelector `yaml:"namespaceSelector"`
	Selector          *configSelector `yaml:"selector"`
	Criticality       string          `yaml:"criticality"`
}

type configSelector struct {
	MatchLabels      map[string]string `yaml:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `yaml:"key"`
		Operator string   `yaml:"operator"`
		Values   []string `yaml:"values"`
	} `yaml:"matchExpressions"`
}

// DecodeConfig reads an estate file. Unlike manifests it is ours, so that
// whatever is not understood in it is an error, of kind usage, with its line.
func DecodeConfig(_ context.Context, in Input) (*estate.Config, error) {
	fail := func(format string, args ...any) (*estate.Config, error) {
		return nil, ident.Errorf(ident.KindUsage, format, args...).At(in.Name).
			WithHint("apiVersion: %s, kind: %s, then cluster, zones, protected, vital, criticality, owners", configAPIVersion, configKind)
	}
	if len(in.Data) > maxConfigBytes {
		return fail("is larger than %d MiB", maxConfigBytes>>20)
	}
	dec := yaml.NewDecoder(bytes.NewReader(in.Data))
	dec.KnownFields(true)
	var f configFile
	if err := dec.Decode(&f); err != nil {
		var t *yaml.TypeError
		if errors.As(err, &t) {
			return fail("%s", strings.Join(t.Errors, "; "))
		}
		if errors.Is(err, io.EOF) {
			return fail("is empty")
		}
		return fail("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fail("holds more than one document")
	}
	if f.APIVersion != configAPIVersion || f.Kind != configKind {
		return fail("is no estate file: apiVersion %q, kind %q", f.APIVersion, f.Kind)
	}
	return f.config(in.Name, fail)
}

var levels = []string{"", "low", "medium", "high", "critical"}

func (f *configFile) config(name string, fail func(string, ...any) (*estate.Config, error)) (*estate.Config, error) {
	out := &estate.Config{Cluster: f.Cluster, Protected: f.Protected, Vital: f.Vital, Source: estate.Source{File: name, Item: -1, Line: 1}}
	seen := map[string]bool{}
	for i, z := range f.Zones {
		at := fmt.Sprintf("zones[%d]", i)
		switch {
		case z.Name == "" || z.Name == estate.Unzoned:
			return fail("%s.name is %q", at, z.Name)
		case !slices.Contains(levels, z.Criticality):
			return fail("%s.criticality is %q, and not low, medium, high or critical", at, z.Criticality)
		case len(z.Namespaces) == 0 && z.NamespaceSelector == nil && z.Selector == nil:
			return fail("%s (%s) covers nothing: it has neither namespaces, namespaceSelector nor selector", at, z.Name)
		}
		seen[z.Name] = true
		ez := estate.Zone{Name: z.Name, Namespaces: z.Namespaces, Criticality: z.Criticality}
		var bad string
		if ez.NamespaceSelector, bad = z.NamespaceSelector.selector(); bad == "" {
			ez.Selector, bad = z.Selector.selector()
		}
		if bad != "" {
			return fail("%s (%s): %s", at, z.Name, bad)
		}
		out.Zones = append(out.Zones, ez)
	}
	for i, c := range f.Criticality {
		if !slices.Contains(levels[1:], c.Level) {
			return fail("criticality[%d].level is %q, and not low, medium, high or critical", i, c.Level)
		}
		out.Criticality = append(out.Criticality, estate.Criticality{Select: c.Select, Level: c.Level})
	}
	for i, o := range f.Owners {
		if o.Owner == "" {
			return fail("owners[%d].owner is empty", i)
		}
		out.Owners = append(out.Owners, estate.Owner{Select: o.Select, Owner: o.Owner, Contact: o.Contact})
	}
	// A selector that names a zone which does not exist would protect nothing.
	for _, s := range slices.Concat(out.Protected, out.Vital) {
		if zone, ok := strings.CutPrefix(s, "zone="); ok && !seen[zone] && zone != estate.Unzoned {
			return fail("%q names a zone that is not declared", s)
		}
	}
	if _, err := estate.Declare(out); err != nil {
		return nil, err
	}
	return out, nil
}

// selector converts and checks a label selector; bad says what is wrong.
func (s *configSelector) selector() (out *estate.LabelSelector, bad string) {
	if s == nil {
		return nil, ""
	}
	out = &estate.LabelSelector{MatchLabels: s.MatchLabels}
	for _, e := range s.MatchExpressions {
		switch e.Operator {
		case "In", "NotIn":
			if len(e.Values) == 0 {
				return nil, fmt.Sprintf("the operator %s of key %q needs values", e.Operator, e.Key)
			}
		case "Exists", "DoesNotExist":
			if len(e.Values) > 0 {
				return nil, fmt.Sprintf("the operator %s of key %q takes no values", e.Operator, e.Key)
			}
		default:
			return nil, fmt.Sprintf("%q is no operator: In, NotIn, Exists or DoesNotExist", e.Operator)
		}
		out.MatchExpressions = append(out.MatchExpressions, estate.Requirement{Key: e.Key, Operator: e.Operator, Values: e.Values})
	}
	return out, ""
}
