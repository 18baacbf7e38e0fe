package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"

	sigsyaml "sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/ident"
)

// canonical copies a tree into the few types that this package compares: nil,
// bool, string, json.Number in its shortest form, []any and map[string]any.
func canonical(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, ident.Errorf(ident.KindLimit, "the object that is wanted is nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case json.Number:
		return shortest(string(v))
	case int:
		return json.Number(strconv.Itoa(v)), nil
	case int32:
		return json.Number(strconv.FormatInt(int64(v), 10)), nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case uint64:
		return json.Number(strconv.FormatUint(v, 10)), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, ident.Errorf(ident.KindUsage, "%v is no number of JSON", v)
		}
		return shortest(strconv.FormatFloat(v, 'g', -1, 64))
	case []any:
		out := make([]any, len(v))
		for i := range v {
			c, err := canonical(v[i], depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			c, err := canonical(v[k], depth+1)
			if err != nil {
				return nil, err
			}
			out[k] = c
		}
		return out, nil
	}
	return nil, ident.Errorf(ident.KindUsage, "a value of the Go type %T is none of a JSON tree", v).
		WithHint("pass what encoding/json decodes into an any: maps by string, lists, strings, numbers, booleans, nil")
}

// shortest gives equal numbers equal text: whole ones without point and exponent.
func shortest(s string) (json.Number, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return json.Number(strconv.FormatInt(n, 10)), nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return json.Number(strconv.FormatUint(n, 10)), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return "", ident.Errorf(ident.KindUnsupported, "%s is no number that JSON can hold", clip(s))
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return json.Number(strconv.FormatInt(int64(f), 10)), nil
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
}

// equal compares two canonical trees.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(a) != len(m) {
			return false
		}
		for k, v := range a {
			if w, ok := m[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		l, ok := b.([]any)
		if !ok || len(a) != len(l) {
			return false
		}
		for i := range a {
			if !equal(a[i], l[i]) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return a == b
}

// decodeYAML reads a text as kubectl and the API server do: sigs.k8s.io/yaml and
// the types of YAML 1.1. It is not strict about a key that occurs twice, because
// then it takes the override of a merged key for one; parse is.
func decodeYAML(text []byte) (any, error) {
	j, err := sigsyaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	return decodeJSON(j)
}

// decodeJSON reads one JSON value.
func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return canonical(v, 0)
}

// clip shortens a foreign text for a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
