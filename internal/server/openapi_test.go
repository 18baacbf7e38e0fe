package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cofferdam-io/cofferdam/authz"
)

// TestAnswersFitTheirDescription asks every path that the served description has a
// GET for (well, with what is not there, with what it does not take, and as nobody)
// and holds each answer against the schema of its status code.
func TestAnswersFitTheirDescription(t *testing.T) {
	t.Parallel()
	r := start(t, settings{review: true})
	admin := r.token("root", "", authz.Admin, authz.Publisher, authz.Triager, authz.Reader)
	artifact := hexDigest(7)
	var kept struct {
		Digest string `json:"digest"`
	}
	r.do("POST", "/api/v1/documents", admin, document("web", artifact, "pkg:npm/lodash@4.17.20")).into(t, &kept)
	var refused struct {
		Quarantine string `json:"quarantine"`
	}
	r.do("POST", "/api/v1/documents", admin, []byte(`{"bomFormat":`)).into(t, &refused)
	if kept.Digest == "" || refused.Quarantine == "" {
		t.Fatalf("stored %q, refused %q", kept.Digest, refused.Quarantine)
	}

	raw := r.do("GET", "/openapi.json", admin, nil).body
	var described struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Required bool
			}
			Responses map[string]struct {
				Content map[string]struct{ Schema any }
			}
		}
	}
	if err := json.Unmarshal(raw, &described); err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler() // of draft 2020-12, as OpenAPI 3.1 is
	if err := compiler.AddResource("https://cofferdam.test/openapi.json", tree); err != nil {
		t.Fatal(err)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	good := map[string]string{
		"digest": artifact, "component": "lodash", "query": "lodash", "name": "lodash", "old": artifact, "new": artifact, "id": refused.Quarantine,
		"/api/v1/documents/{digest} digest": kept.Digest, "/api/v1/documents/{digest}/content digest": kept.Digest, "/api/v1/documents/{digest}/trust digest": kept.Digest,
		"/api/v1/advisories/{id}/artifacts id": "CVE-2021-23337",
	}
	asked, codes := 0, map[int]int{}
	for path, methods := range described.Paths {
		op, ok := methods["get"]
		if !ok || path == "/api/v1/events" { // a stream without an end
			continue
		}
		// at is the path's address with values for its parameters.
		at := func(value func(name string) string) string {
			u, query := path, url.Values{}
			for _, p := range op.Parameters {
				switch {
				case p.In == "path":
					u = strings.ReplaceAll(u, "{"+p.Name+"}", url.PathEscape(value(p.Name)))
				case p.Required || p.In == "query" && (p.Name == "name" || p.Name == "query"):
					query.Set(p.Name, value(p.Name))
				}
			}
			return u + "?" + query.Encode()
		}
		well := at(func(name string) string {
			if v := good[path+" "+name]; v != "" {
				return v
			}
			return good[name]
		})
		for _, c := range []struct{ what, path, token string }{
			{"well", well, admin},
			{"with nothing", at(func(string) string { return "x" }), admin},
			{"with what is not there", at(func(string) string { return hexDigest(99) }), admin},
			{"with a parameter that it has not", well + "&no-such-parameter=1", admin},
			{"as nobody", well, ""},
			{"as a stranger", well, "no-such-token"},
		} {
			got := r.do("GET", c.path, c.token, nil)
			asked++
			codes[got.code]++
			code := strconv.Itoa(got.code)
			response, has := op.Responses[code]
			if !has {
				code = "default"
				response, has = op.Responses[code]
			}
			if !has {
				t.Errorf("GET %s, asked %s: %d is not described", c.path, c.what, got.code)
				continue
			}
			media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
			if got.code >= http.StatusBadRequest && media != "application/problem+json" {
				t.Errorf("GET %s, asked %s: %d is %q, not a problem", c.path, c.what, got.code, media)
			}
			if !strings.HasSuffix(media, "json") || len(response.Content) == 0 {
				continue // bytes as they were stored
			}
			if _, has := response.Content[media]; !has {
				t.Errorf("GET %s, asked %s: %d is %q, which is not described", c.path, c.what, got.code, media)
				continue
			}
			schema, err := compiler.Compile("https://cofferdam.test/openapi.json#/paths/" + escape.Replace(path) + "/get/responses/" + code + "/content/" + escape.Replace(media) + "/schema")
			if err != nil {
				t.Fatal(err)
			}
			answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.body))
			if err != nil {
				t.Errorf("GET %s, asked %s: %v: %.200s", c.path, c.what, err, got.body)
				continue
			}
			if err := schema.Validate(answer); err != nil {
				t.Errorf("GET %s, asked %s: %d: %v\n%.300s", c.path, c.what, got.code, err, got.body)
			}
		}
	}
	// A test of good answers, or of errors, alone would not be this one.
	if asked < 6*30 || codes[200] < 30 || codes[404] == 0 || codes[422] < 30 || codes[403]+codes[401] < 30 {
		t.Errorf("%d answers, by code %v", asked, codes)
	}
}
