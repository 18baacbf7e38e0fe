package vuln_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

const (
	hexA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func digest(t testing.TB, hex string) ident.Digest {
	t.Helper()
	d, err := ident.ParseDigest("sha256:" + hex)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shop is an image of registry.example/shop/web:1.2 with digest A, on RHEL 9.
func shop(t testing.TB) *sbom.Document {
	t.Helper()
	ref, err := ident.ParseImageRef("registry.example/shop/web:1.2")
	if err != nil {
		t.Fatal(err)
	}
	return &sbom.Document{Serial: "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", Version: 2, Digest: ident.SHA256([]byte("document")), Subject: sbom.Subject{
		Kind: "container", Name: "shop/web", ID: "root", PURL: "pkg:oci/web@sha256%3A" + hexA + "?repository_url=registry.example/shop/web&tag=1.2",
		Digests: []ident.RoledDigest{{Role: ident.RoleManifest, Digest: digest(t, hexA)}}, References: []ident.ImageRef{ref},
		OS: sbom.Distro{ID: "rhel", VersionID: "9.4"}},
	}
}

// TestBinding says which products are the component lodash 4.17.20 of that image, or
// openssl 3.0.7 of it, and by what.
func TestBinding(t *testing.T) {
	lodash := sbom.Component{ID: "ref-lodash", Name: "lodash", Version: "4.17.20", PURL: "pkg:npm/lodash@4.17.20", Hashes: []sbom.Hash{{Algorithm: "SHA-256", Value: hexB}}}
	openssl := sbom.Component{Name: "openssl", Version: "3.0.7", PURL: "pkg:rpm/redhat/openssl@1:3.0.7-27.el9?arch=x86_64"}
	a := vuln.ArtifactOf(shop(t))
	const image = "pkg:oci/web?repository_url=registry.example/shop/web"
	serial := shop(t).Serial
	for name, c := range map[string]struct {
		product vuln.Product
		of      *sbom.Component
		want    vuln.Binding
	}{
		"the artifact by digest":                       {vuln.Product{Digests: []ident.Digest{digest(t, hexA)}}, &lodash, vuln.BoundDigest},
		"another by digest":                            {vuln.Product{Digests: []ident.Digest{ident.SHA256(nil)}}, &lodash, vuln.BoundNot},
		"the artifact by a digest in its purl":         {vuln.Product{PURL: "pkg:oci/web@sha256%3A" + hexA}, &lodash, vuln.BoundDigest},
		"the image, another digest":                    {vuln.Product{PURL: "pkg:oci/web@sha256%3A" + hexB + "?repository_url=registry.example/shop/web"}, &lodash, vuln.BoundNot},
		"the image":                                    {vuln.Product{PURL: image}, &lodash, vuln.BoundImage},
		"the image, another digest beside it":          {vuln.Product{PURL: image, Digests: []ident.Digest{ident.SHA256(nil)}}, &lodash, vuln.BoundNot},
		"the image, its tag":                           {vuln.Product{PURL: image + "&tag=1.2"}, &lodash, vuln.BoundImage},
		"the image, another tag":                       {vuln.Product{PURL: image + "&tag=1.3"}, &lodash, vuln.BoundNot},
		"the image as docker has it":                   {vuln.Product{PURL: "pkg:docker/shop/web@1.2?repository_url=registry.example"}, &lodash, vuln.BoundImage},
		"an image of that name of anybody":             {vuln.Product{PURL: "pkg:oci/web"}, &lodash, vuln.BoundNot},
		"the image of another registry":                {vuln.Product{PURL: "pkg:oci/web?repository_url=docker.io/shop/web"}, &lodash, vuln.BoundNot},
		"the image, of the component":                  {vuln.Product{PURL: image, Subcomponents: []string{"pkg:npm/lodash@4.17.20"}}, &lodash, vuln.BoundImage},
		"the image, of the component of any version":   {vuln.Product{PURL: image, Subcomponents: []string{"pkg:npm/other", "pkg:npm/lodash"}}, &lodash, vuln.BoundImage},
		"the image, of another version":                {vuln.Product{PURL: image, Subcomponents: []string{"pkg:npm/lodash@4.17.21"}}, &lodash, vuln.BoundNot},
		"the image, of what has no package URL":        {vuln.Product{PURL: image, Subcomponents: []string{"lodash"}}, &lodash, vuln.BoundNot},
		"the component":                                {vuln.Product{PURL: "pkg:npm/lodash@4.17.20"}, &lodash, vuln.BoundComponent},
		"the component of any version":                 {vuln.Product{PURL: "pkg:npm/lodash"}, &lodash, vuln.BoundComponent},
		"the component of another version":             {vuln.Product{PURL: "pkg:npm/lodash@4.17.2"}, &lodash, vuln.BoundNot},
		"a range that holds it":                        {vuln.Product{PURL: "pkg:npm/lodash", Versions: "vers:npm/<4.17.21"}, &lodash, vuln.BoundComponent},
		"a range that does not":                        {vuln.Product{PURL: "pkg:npm/lodash", Versions: "vers:npm/<4.17.20"}, &lodash, vuln.BoundNot},
		"a range that is none":                         {vuln.Product{PURL: "pkg:npm/lodash", Versions: "older ones"}, &lodash, vuln.BoundNot},
		"a purl that is a query and no purl":           {vuln.Product{PURL: "pkg:npm/lodash@<5"}, &lodash, vuln.BoundNot},
		"the component by hash":                        {vuln.Product{Digests: []ident.Digest{digest(t, hexB)}}, &lodash, vuln.BoundComponent},
		"the component by name, another hash":          {vuln.Product{PURL: "pkg:npm/lodash", Digests: []ident.Digest{ident.SHA256(nil)}}, &lodash, vuln.BoundNot},
		"something within the component":               {vuln.Product{PURL: "pkg:npm/lodash", Subcomponents: []string{"pkg:npm/lodash"}}, &lodash, vuln.BoundNot},
		"the same name elsewhere":                      {vuln.Product{PURL: "pkg:pypi/lodash"}, &lodash, vuln.BoundNot},
		"nothing":                                      {vuln.Product{}, &lodash, vuln.BoundNot},
		"what cannot be bound":                         {vuln.Product{PURL: "pkg:npm/lodash", Unbound: "why"}, &lodash, vuln.BoundNot},
		"the document's subject":                       {vuln.Product{BOM: vuln.BOMRef{Serial: serial, Version: 2, Ref: "root"}}, &lodash, vuln.BoundDigest},
		"the document's element":                       {vuln.Product{BOM: vuln.BOMRef{Serial: serial, Ref: "ref-lodash"}}, &lodash, vuln.BoundComponent},
		"another element":                              {vuln.Product{BOM: vuln.BOMRef{Serial: serial, Ref: "ref-other"}}, &lodash, vuln.BoundNot},
		"an element of another version":                {vuln.Product{BOM: vuln.BOMRef{Serial: serial, Version: 1, Ref: "ref-lodash"}}, &lodash, vuln.BoundNot},
		"an element of another document":               {vuln.Product{BOM: vuln.BOMRef{Serial: "urn:uuid:x", Ref: "ref-lodash"}}, &lodash, vuln.BoundNot},
		"a package of a distribution":                  {vuln.Product{PURL: "pkg:rpm/redhat/openssl"}, &openssl, vuln.BoundComponent},
		"a package of its release":                     {vuln.Product{PURL: "pkg:rpm/redhat/openssl", Platform: "rhel", Release: "9"}, &openssl, vuln.BoundComponent},
		"a package of another release":                 {vuln.Product{PURL: "pkg:rpm/redhat/openssl", Platform: "rhel", Release: "8"}, &openssl, vuln.BoundNot},
		"a package of a release that begins like that": {vuln.Product{PURL: "pkg:rpm/redhat/openssl", Platform: "rhel", Release: "9.40"}, &openssl, vuln.BoundNot},
		"a package of another distribution":            {vuln.Product{PURL: "pkg:rpm/redhat/openssl", Platform: "sles"}, &openssl, vuln.BoundNot},
		"a package of an architecture":                 {vuln.Product{PURL: "pkg:rpm/redhat/openssl?arch=x86_64"}, &openssl, vuln.BoundComponent},
		"a package of another architecture":            {vuln.Product{PURL: "pkg:rpm/redhat/openssl?arch=aarch64"}, &openssl, vuln.BoundNot},
	} {
		st := vuln.Statement{Vulnerability: []string{"CVE-2026-1"}, Status: vuln.StatusNotAffected, Products: []vuln.Product{c.product}}
		known := &vuln.Intelligence{Statements: vuln.NewStatements([]vuln.Statement{st}, vuln.Trust{Everybody: true})}
		f := vuln.Finding{ID: "CVE-2026-1", Status: vuln.StatusAffected}
		known.Judge(&f, a, c.of)
		got := vuln.BoundNot
		if len(f.VEX) > 0 {
			got = f.VEX[0].Bound
		}
		if got != c.want || (f.Status == vuln.StatusNotAffected) != (c.want != vuln.BoundNot) {
			t.Errorf("%s: bound by %q, status %s, want %q", name, got, f.Status, c.want)
		}
	}
}

func TestArtifactDigestsFromElsewhere(t *testing.T) {
	st := vuln.Statement{Vulnerability: []string{"CVE-2026-1"}, Status: vuln.StatusFixed, Products: []vuln.Product{{Digests: []ident.Digest{digest(t, hexB)}}}}
	known := &vuln.Intelligence{Statements: vuln.NewStatements([]vuln.Statement{st}, vuln.Trust{Everybody: true})}
	f := vuln.Finding{ID: "CVE-2026-1"}
	known.Judge(&f, vuln.ArtifactOf(shop(t), digest(t, hexB)), &sbom.Component{PURL: "pkg:npm/a@1"})
	if f.Status != vuln.StatusFixed {
		t.Errorf("a digest that a registry resolved is the artifact's: %+v", f)
	}
}

// say makes a statement about lodash in terms of a table.
func say(author, day string, status vuln.Status, p vuln.Product) vuln.Statement {
	s := vuln.Statement{Vulnerability: []string{"CVE-2026-1", "GHSA-1"}, Status: status, Author: author, Products: []vuln.Product{p}, File: author + day + string(status)}
	if day != "" {
		at, err := time.Parse(time.DateOnly, "2026-01-"+day)
		if err != nil {
			panic(err)
		}
		s.At = at
	}
	return s
}

func TestPrecedence(t *testing.T) {
	component := vuln.Product{PURL: "pkg:npm/lodash"}
	image := vuln.Product{PURL: "pkg:oci/web?repository_url=registry.example/shop/web"}
	exact := vuln.Product{Digests: []ident.Digest{digest(t, hexA)}}
	const aff, not, fixed, look = vuln.StatusAffected, vuln.StatusNotAffected, vuln.StatusFixed, vuln.StatusUnderInvestigation
	for name, c := range map[string]struct {
		say  []vuln.Statement
		want vuln.Status
		by   string // file of the statement that decides, or ""
	}{
		"nothing":                              {nil, "", ""},
		"one":                                  {[]vuln.Statement{say("A", "01", not, component)}, not, "A01not_affected"},
		"the newest of one author":             {[]vuln.Statement{say("A", "03", aff, component), say("A", "02", not, component)}, aff, "A03affected"},
		"the newest of one author, reversed":   {[]vuln.Statement{say("A", "02", aff, component), say("a", "03", not, component)}, not, "a03not_affected"},
		"one author contradicts himself":       {[]vuln.Statement{say("A", "02", aff, component), say("A", "02", not, component)}, look, ""},
		"without a time, in contradiction":     {[]vuln.Statement{say("A", "", fixed, component), say("A", "", aff, component)}, look, ""},
		"a time is newer than none":            {[]vuln.Statement{say("A", "", not, component), say("A", "01", aff, component)}, aff, "A01affected"},
		"two authors agree":                    {[]vuln.Statement{say("A", "01", not, component), say("B", "02", not, component)}, not, "B02not_affected"},
		"two authors contradict each other":    {[]vuln.Statement{say("A", "01", aff, component), say("B", "02", not, component)}, look, ""},
		"two authors, one changed his mind":    {[]vuln.Statement{say("A", "01", aff, component), say("B", "02", not, component), say("A", "03", not, component)}, not, "A03not_affected"},
		"a digest before an image":             {[]vuln.Statement{say("A", "01", not, exact), say("A", "09", aff, image)}, not, "A01not_affected"},
		"an image before a component":          {[]vuln.Statement{say("A", "01", aff, image), say("B", "09", not, component)}, aff, "A01affected"},
		"somebody nobody trusts":               {[]vuln.Statement{say("X", "09", not, exact)}, "", ""},
		"somebody nobody trusts, and somebody": {[]vuln.Statement{say("X", "09", not, exact), say("A", "01", aff, component)}, aff, "A01affected"},
		"trusted for other products":           {[]vuln.Statement{say("R", "01", not, component)}, "", ""},
		"trusted for this product":             {[]vuln.Statement{say("R", "01", not, image)}, not, "R01not_affected"},
		"nobody's author":                      {[]vuln.Statement{say("", "01", not, exact)}, "", ""},
	} {
		trust := vuln.Trust{Authors: []vuln.TrustedAuthor{{Name: "A"}, {Name: "B"}, {Name: "R", Products: []string{"pkg:oci/"}}}}
		known := &vuln.Intelligence{Statements: vuln.NewStatements(c.say, trust)}
		f := vuln.Finding{ID: "GHSA-1", Aliases: []string{"cve-2026-1"}}
		known.Judge(&f, vuln.ArtifactOf(shop(t)), &sbom.Component{PURL: "pkg:npm/lodash@4.17.20"})
		by := ""
		for _, x := range f.VEX {
			if x.NotApplied == "" && by == "" {
				by = x.Source
			}
		}
		if f.Status != c.want || by != c.by || len(f.VEX) != len(c.say) {
			t.Errorf("%s: %q by %q (%d claims), want %q by %q", name, f.Status, by, len(f.VEX), c.want, c.by)
		}
		if f.Status == "" && f.VEXSource != "" {
			t.Errorf("%s: a status from nowhere: %q", name, f.VEXSource)
		}
	}
}

// TestClearsOnlyWithReason: whatever is said, in whatever order, a finding is cleared
// only where all newest statements of trusted authors at the most specific binding
// clear it; and the order in which statements are read changes nothing.
func TestClearsOnlyWithReason(t *testing.T) {
	products := []vuln.Product{{PURL: "pkg:npm/lodash"}, {PURL: "pkg:oci/web?repository_url=registry.example/shop/web"}, {Digests: []ident.Digest{digest(t, hexA)}}, {PURL: "pkg:npm/other"}}
	statuses := []vuln.Status{vuln.StatusAffected, vuln.StatusNotAffected, vuln.StatusFixed, vuln.StatusUnderInvestigation}
	a, c := vuln.ArtifactOf(shop(t)), &sbom.Component{PURL: "pkg:npm/lodash@4.17.20"}
	trust := vuln.Trust{Authors: []vuln.TrustedAuthor{{Name: "A"}, {Name: "B"}}}
	rapid.Check(t, func(t *rapid.T) {
		type drawn struct {
			author string
			day    int
			status vuln.Status
			bound  int
		}
		var all []drawn
		var list []vuln.Statement
		for range rapid.IntRange(0, 6).Draw(t, "n") {
			d := drawn{rapid.SampledFrom([]string{"A", "B", "X"}).Draw(t, "author"), rapid.IntRange(1, 3).Draw(t, "day"), rapid.SampledFrom(statuses).Draw(t, "status"), rapid.IntRange(0, 3).Draw(t, "product")}
			all = append(all, d)
			list = append(list, say(d.author, "0"+string(rune('0'+d.day)), d.status, products[d.bound]))
		}
		// The naive twin: strongest binding, then each author's newest day, then agreement.
		strongest := -1
		for _, d := range all {
			if d.author != "X" && d.bound < 3 {
				strongest = max(strongest, d.bound)
			}
		}
		said := map[vuln.Status]bool{}
		for _, author := range []string{"A", "B"} {
			newest := 0
			for _, d := range all {
				if d.author == author && d.bound == strongest {
					newest = max(newest, d.day)
				}
			}
			for _, d := range all {
				if d.author == author && d.bound == strongest && d.day == newest {
					said[d.status] = true
				}
			}
		}
		want := vuln.Status("")
		if strongest >= 0 {
			want = vuln.StatusUnderInvestigation
			if len(said) == 1 {
				for s := range said {
					want = s
				}
			}
		}
		for range 2 {
			f := vuln.Finding{ID: "CVE-2026-1"}
			(&vuln.Intelligence{Statements: vuln.NewStatements(list, trust)}).Judge(&f, a, c)
			if f.Status != want {
				t.Fatalf("%v: %q, want %q", all, f.Status, want)
			}
			list = slices.Clone(list)
			slices.Reverse(list)
		}
	})
}

func TestCount(t *testing.T) {
	list := []vuln.Statement{
		say("A", "01", vuln.StatusNotAffected, vuln.Product{PURL: "pkg:npm/lodash"}),
		say("X", "01", vuln.StatusNotAffected, vuln.Product{PURL: "pkg:npm/lodash"}),
		say("A", "01", vuln.StatusNotAffected, vuln.Product{PURL: "pkg:oci/gone?repository_url=registry.example/gone"}),
		{Vulnerability: []string{"CVE-2026-2"}, Author: "A"},
	}
	s := vuln.NewStatements(list, vuln.Trust{Authors: []vuln.TrustedAuthor{{Name: "A"}}})
	f := vuln.Finding{ID: "CVE-2026-1"}
	(&vuln.Intelligence{Statements: s}).Judge(&f, vuln.ArtifactOf(shop(t)), &sbom.Component{PURL: "pkg:npm/lodash@4.17.20"})
	n := s.Count([]vuln.Finding{f})
	if n.Statements != 4 || n.Bound != 2 || n.Applied != 1 || n.Untrusted != 1 || len(n.Unbound) != 2 ||
		!strings.HasPrefix(n.Unbound[0].Product, "pkg:oci/gone") || n.Unbound[1].Reason != "it names no product" {
		t.Errorf("%+v", n)
	}
}
