package estate

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Declarations are a Config with its selectors compiled: what the owner says
// about workloads.
type Declarations struct {
	cfg         *Config
	protected   []Selector
	vital       []Selector
	criticality []Selector
	owners      []Selector
}

// Declare compiles a config; nil declares nothing. Errors name the selector.
func Declare(cfg *Config) (*Declarations, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	d := &Declarations{cfg: cfg}
	compile := func(texts []string) ([]Selector, error) {
		var out []Selector
		for _, t := range texts {
			s, err := ParseSelector(t)
			if err != nil {
				return nil, ident.Errorf(ident.KindInvalid, "selector %q: %w", t, err).At(cfg.Source.File)
			}
			out = append(out, s)
		}
		return out, nil
	}
	var crit, owners []string
	for _, c := range cfg.Criticality {
		crit = append(crit, c.Select)
	}
	for _, o := range cfg.Owners {
		owners = append(owners, o.Select)
	}
	for _, x := range []struct {
		into *[]Selector
		from []string
	}{{&d.protected, cfg.Protected}, {&d.vital, cfg.Vital}, {&d.criticality, crit}, {&d.owners, owners}} {
		s, err := compile(x.from)
		if err != nil {
			return nil, err
		}
		*x.into = s
	}
	return d, nil
}

// Zone returns the first zone that covers m, or Unzoned. known is false where a
// zone before it could cover m but depends on labels of a namespace that was
// not in the input.
func (d *Declarations) Zone(m *Member) (zone string, known bool) {
	known = true
	for i := range d.cfg.Zones {
		z := &d.cfg.Zones[i]
		if z.Selector != nil && !z.Selector.Matches(m.Labels) {
			continue
		}
		byName := slices.Contains(z.Namespaces, m.Ref.Namespace)
		switch {
		case byName, len(z.Namespaces) == 0 && z.NamespaceSelector == nil && z.Selector != nil:
			return z.Name, known
		case z.NamespaceSelector == nil:
		case !m.NamespaceDeclared && !slices.Equal(z.NamespaceSelector.keys(), []string{nameLabel}):
			known = false
		case z.NamespaceSelector.Matches(m.NamespaceLabels):
			return z.Name, known
		}
	}
	return Unzoned, known
}

// nameLabel is set on every namespace by the API server.
const nameLabel = "kubernetes.io/metadata.name"

// Protected reports whether m must not be reached.
func (d *Declarations) Protected(m *Member) bool { return anyMatches(d.protected, m) }

// Vital reports whether the traffic of m is never to be cut.
func (d *Declarations) Vital(m *Member) bool { return anyMatches(d.vital, m) }

// Criticality returns the declared level of m, else its zone's, else "".
func (d *Declarations) Criticality(m *Member) string {
	for i, s := range d.criticality {
		if s.Matches(m) {
			return d.cfg.Criticality[i].Level
		}
	}
	for i := range d.cfg.Zones {
		if d.cfg.Zones[i].Name == m.Zone {
			return d.cfg.Zones[i].Criticality
		}
	}
	return ""
}

// ownerKeys are the marks that teams put on workloads themselves, tried in
// order where the estate file names no owner.
var ownerKeys = []string{"cofferdam.dev/owner", "owner", "team", "app.kubernetes.io/owner"}

// Owner returns who owns m: by the estate file, else by an owner or team mark on
// the workload, its pods or its namespace. Both are "" where nothing says it.
func (d *Declarations) Owner(m *Member) (owner, contact string) {
	for i, s := range d.owners {
		if s.Matches(m) {
			return d.cfg.Owners[i].Owner, d.cfg.Owners[i].Contact
		}
	}
	for _, marks := range []map[string]string{m.Annotations, m.Labels, m.NamespaceLabels} {
		for _, k := range ownerKeys {
			if v := marks[k]; v != "" {
				return v, ""
			}
		}
	}
	return "", ""
}

func anyMatches(ss []Selector, m *Member) bool {
	return slices.ContainsFunc(ss, func(s Selector) bool { return s.Matches(m) })
}
