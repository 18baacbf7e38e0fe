package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
)

// prose lists the keywords of draft-07 that annotate and never decide (JSON Schema Validation draft-07, sections 9 and
// 10), and meta:enum, the prose of CycloneDX for enumeration values.
var prose = map[string]bool{
	"title": true, "description": true, "examples": true, "default": true, "deprecated": true,
	"$comment": true, "meta:enum": true, "readOnly": true, "writeOnly": true,
}

// The keywords that decide, by the shape of their value.
var (
	plain = map[string]bool{
		"type": true, "enum": true, "const": true, "format": true, "pattern": true, "required": true,
		"uniqueItems": true, "minItems": true, "maxItems": true, "minLength": true, "maxLength": true,
		"minimum": true, "maximum": true, "exclusiveMinimum": true, "exclusiveMaximum": true,
		"minProperties": true, "maxProperties": true,
	}
	oneSchema = map[string]bool{
		"additionalProperties": true, "propertyNames": true, "not": true, "if": true, "then": true, "else": true,
		"contains": true,
	}
	schemaList = map[string]bool{"allOf": true, "anyOf": true, "oneOf": true}
	schemaMap  = map[string]bool{"properties": true, "patternProperties": true, "definitions": true}
)

// reduceJSON returns the rules of one official JSON schema (draft-07): keys sorted, one tab of indentation.
func reduceJSON(src []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var root any
	if err := dec.Decode(&root); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	obj, ok := root.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the schema is not an object")
	}
	id, ok := obj["$id"].(string)
	if !ok {
		return nil, fmt.Errorf("the schema has no $id")
	}
	dialect, ok := obj["$schema"].(string)
	if !ok || dialect != "http://json-schema.org/draft-07/schema#" {
		return nil, fmt.Errorf("dialect %q is not draft-07", dialect)
	}
	reduced, err := reduceSchema(obj, "#")
	if err != nil {
		return nil, err
	}
	top := reduced.(map[string]any)
	top["$id"], top["$schema"] = id, dialect
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "\t")
	if err := enc.Encode(top); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// reduceSchema reduces one schema; at is its JSON pointer, for errors.
func reduceSchema(s any, at string) (any, error) {
	if b, ok := s.(bool); ok {
		return b, nil
	}
	obj, ok := s.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: a schema is an object or a boolean, found %T", at, s)
	}
	// In draft-07 a $ref replaces its schema: "All other properties in a "$ref" object MUST be ignored"
	// (JSON Schema Core draft-07, section 8.3). Some official schemas have such siblings.
	if ref, ok := obj["$ref"].(string); ok {
		return map[string]any{"$ref": ref}, nil
	}
	out := map[string]any{}
	for _, k := range sortedKeys(obj) {
		v := obj[k]
		here := at + "/" + k
		var err error
		switch {
		case prose[k]:
			continue
		case k == "$schema" || k == "$id":
			// Only the root keeps its identifier. The nested ones of 1.2 and 1.3 ("#/properties/…") name the
			// place where they stand, and nothing refers to them.
			continue
		case plain[k]:
			out[k] = v
		case oneSchema[k]:
			out[k], err = reduceSchema(v, here)
		case schemaList[k]:
			out[k], err = reduceList(v, here)
		case schemaMap[k]:
			out[k], err = reduceMap(v, here)
		case k == "items":
			if _, tuple := v.([]any); tuple {
				out[k], err = reduceList(v, here)
			} else {
				out[k], err = reduceSchema(v, here)
			}
		case k == "additionalItems":
			// It has no effect unless "items" is a list of schemas (Validation draft-07, section 6.4.2).
			if _, tuple := obj["items"].([]any); tuple {
				out[k], err = reduceSchema(v, here)
			}
		default:
			return nil, fmt.Errorf("%s: unknown keyword", here)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func reduceList(v any, at string) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s: expected a list of schemas", at)
	}
	out := make([]any, 0, len(list))
	for i, s := range list {
		r, err := reduceSchema(s, fmt.Sprintf("%s/%d", at, i))
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func reduceMap(v any, at string) (any, error) {
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: expected an object of schemas", at)
	}
	out := make(map[string]any, len(obj))
	for _, k := range sortedKeys(obj) {
		r, err := reduceSchema(obj[k], at+"/"+k)
		if err != nil {
			return nil, err
		}
		out[k] = r
	}
	return out, nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
