package inventory_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// TestClean: a workload is clean only where everything about it is known, and
// nothing is found.
func TestClean(t *testing.T) {
	clean := func(cs []inventory.Clean, err error) []inventory.Clean {
		if err != nil {
			t.Fatal(err)
		}
		return cs
	}
	pod := func(ref string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: %q}]}\n", ref)
	}
	sure, byTag := image+"@"+manifestDigest.String(), image+":1.4"
	doc := func(subject, components string) string {
		return `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"` + image + `","version":"` + subject + `"}},"components":[` + components + `]}`
	}
	fixed := `{"type":"library","name":"lodash","version":"4.17.21","purl":"pkg:npm/lodash@4.17.21"}`
	for _, tc := range []struct {
		name, image, sbom, advisories string
		clean                         bool
	}{
		{"all known and nothing found", sure, doc(manifestDigest.String(), fixed), shop.advisories, true},
		{"affected", sure, doc(manifestDigest.String(), strings.ReplaceAll(fixed, "17.21", "17.20")), shop.advisories, false},
		{"no advisories", sure, doc(manifestDigest.String(), fixed), "", false},
		{"no SBOM", sure, doc(otherDigest.String(), fixed), shop.advisories, false},
		{"an SBOM by tag only", byTag, doc("1.4", fixed), shop.advisories, false},
		{"an SBOM of nothing", sure, doc(manifestDigest.String(), ""), shop.advisories, false},
		{"a component without identity", sure, doc(manifestDigest.String(), fixed+`,{"type":"library","name":"own","version":"1"}`), shop.advisories, false},
		{"an ecosystem without advisories", sure, doc(manifestDigest.String(), fixed+`,{"type":"library","name":"x","version":"1","purl":"pkg:cargo/x@1.0.0"}`), shop.advisories, false},
		{"a version that cannot be compared", sure, doc(manifestDigest.String(), `{"type":"library","name":"lodash","version":"newest","purl":"pkg:npm/lodash@newest"}`), shop.advisories, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := world{manifests: pod(tc.image), sboms: []string{tc.sbom}, advisories: tc.advisories, images: inventory.ImageIndex{}}
			s := build(t, w)
			got := clean(s.Clean(t.Context()))
			if (len(got) == 1) != tc.clean || tc.clean && !strings.Contains(got[0].Why, "any of its 1 components") {
				t.Errorf("%+v", got)
			}
			if un := clean(s.Unexploited(t.Context())); len(un) > 0 {
				t.Errorf("nobody knows what is exploited: %+v", un)
			}
			for id, exploited := range map[string]bool{"CVE-2021-23337": true, "CVE-2000-0001": false} {
				w.known = &vuln.Intelligence{Exploited: vuln.NewExploited("1", time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), []vuln.Exploitation{{ID: id}})}
				un := clean(build(t, w).Unexploited(t.Context()))
				if want := tc.clean || tc.name == "affected" && !exploited; (len(un) == 1) != want || want && !strings.Contains(un[0].Why, "the catalogue of 2026-01-02") {
					t.Errorf("%s is exploited: %+v", id, un)
				}
			}
		})
	}
}

// TestCleanByReports: what only another scanner finds may be exploited all the same, unless
// what is loaded says otherwise.
func TestCleanByReports(t *testing.T) {
	w := world{manifests: fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: %q}]}\n", image+"@"+manifestDigest.String()),
		sboms:      []string{`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"` + image + `","version":"` + manifestDigest.String() + `"}},"components":[{"type":"library","name":"lodash","version":"4.17.21","purl":"pkg:npm/lodash@4.17.21"}]}`},
		advisories: shop.advisories, images: inventory.ImageIndex{},
		known: &vuln.Intelligence{Exploited: vuln.NewExploited("1", time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), []vuln.Exploitation{{ID: "CVE-2026-7"}})}}
	for name, c := range map[string]struct {
		reported           []vuln.Reported
		clean, unexploited bool
	}{
		"nothing reported":                  {[]vuln.Reported{}, true, true},
		"of what no advisory has":           {[]vuln.Reported{{Tool: "x", IDs: []string{"CVE-2026-6"}, Name: "lodash", Version: "4.17.21"}}, false, true},
		"of what is exploited":              {[]vuln.Reported{{Tool: "x", IDs: []string{"GHSA-x", "CVE-2026-7"}, Name: "lodash", Version: "4.17.21"}}, false, false},
		"of what our ranges do not hold":    {[]vuln.Reported{{Tool: "x", IDs: []string{"CVE-2021-23337"}, Name: "lodash", Version: "4.17.21"}}, true, true},
		"of a version that is not here":     {[]vuln.Reported{{Tool: "x", IDs: []string{"CVE-2026-7"}, Name: "lodash", Version: "1"}}, true, true},
		"of a component that is not listed": {[]vuln.Reported{{Tool: "x", IDs: []string{"CVE-2026-7"}, Name: "other", Version: "4.17.21"}}, true, true},
	} {
		w.reported = c.reported
		s := build(t, w)
		got, err := s.Clean(t.Context())
		un, err2 := s.Unexploited(t.Context())
		if err != nil || err2 != nil || (len(got) == 1) != c.clean || (len(un) == 1) != c.unexploited {
			t.Errorf("%s: %+v %+v %v %v", name, got, un, err, err2)
		}
	}
}
