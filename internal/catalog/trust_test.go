package catalog_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/provenance"
)

// What is known of who vouches for documents: by whom, of whose documents, since when, and
// after the catalogue was opened again.
func TestTrust(t *testing.T) { onEngines(t, trusts) }

func trusts(t *testing.T, reopen func() store.Store) {
	ctx, clock := context.Background(), clockAt(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	o := catalog.Options{Now: clock.Now, Trusting: catalog.Trusting{Uploaders: []string{"token:verifier"}, Asks: true}}
	c, end := open(t, reopen(), o)
	defer func() { end() }()
	doc := with(text("web", "pkg:npm/a@1"), "", names(1))
	got := take(t, c, catalog.Upload{}, doc)
	take(t, c, catalog.Upload{Tenant: "other"}, doc)
	take(t, c, catalog.Upload{Artifact: digest(2)}, with(text("claimed", "pkg:npm/a@1"), "", names(1)))
	x := container("web", 1)
	x.Image = "registry.example/shop/web:1"
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{x, container("claimed", 2)}); err != nil {
		t.Fatal(err)
	}
	refs, err := c.Vouchable(ctx)
	if err != nil || len(refs) != 1 || refs[0].String() != "registry.example/shop/web@"+digest(1).String() {
		t.Fatalf("to be asked: %v, %v", refs, err)
	}
	content, err := provenance.ContentDigest(doc)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := ident.ParseImageRef("registry.example/shop/web@" + digest(1).String())
	if err != nil {
		t.Fatal(err)
	}
	image := func(sboms ...inventory.VouchedSBOM) *inventory.Trust {
		return &inventory.Trust{Images: []inventory.CheckedImage{{Reference: ref, Digests: []ident.Digest{digest(1)}, At: clock.Now(), SBOMs: sboms}}}
	}
	good := inventory.VouchedSBOM{Document: digest(77), Content: content, Artifact: digest(1), Trust: inventory.SBOMVerified, By: "ci@shop.example"}
	forged := inventory.VouchedSBOM{Document: got.Digest, Trust: inventory.SBOMInvalid, Reason: "its signature was refused"}
	elsewhere := good
	elsewhere.Artifact = digest(9)
	verifier, stranger := authz.Actor{Subject: "token:verifier"}, authz.Actor{Subject: "token:stranger/else"}
	by := func(tenant, name string, at time.Time) inventory.SBOMMatch {
		t.Helper()
		a, err := c.Trust(ctx, catalog.TrustQuery{Tenant: tenant, At: at})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range a.Items {
			if i.Name == name && (i.SBOM.Digest == got.Digest) == (name == "web") { // the other document names the image, too
				return i.SBOM
			}
		}
		return inventory.SBOMMatch{}
	}
	is := func(step, tenant, name, word, reason, who string) {
		t.Helper()
		m := by(tenant, name, time.Time{})
		if m.Trust != word || !strings.Contains(m.TrustReason, reason) || m.TrustBy != who || (word == "verified") != (m.SignedBy == "ci@shop.example") {
			t.Errorf("%s: %+v; want %s, %q by %q", step, m, word, reason, who)
		}
	}
	say := func(by authz.Actor, tenant string, said *inventory.Trust) *catalog.TrustReceipt {
		t.Helper()
		r, err := c.TakeTrust(ctx, by, tenant, said)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	found := func(want int, said *inventory.Trust) {
		t.Helper()
		if n, err := c.Checked(ctx, said); err != nil || n != want {
			t.Errorf("%d changed, %v; want %d", n, err, want)
		}
	}
	is("nobody asked", "", "web", "unchecked", "nobody asked", "")
	say(stranger, "", image(good))
	is("a stranger says so", "", "web", "unchecked", "token:stranger/else says so, whose word", "token:stranger/else")
	found(1, image())
	is("the server found nothing, and a stranger is not heard", "", "web", "unsigned", "nobody vouches", "cofferdam")
	is("of another tenant as well", "other", "web", "unsigned", "nobody vouches", "cofferdam")
	is("what a sender claims is the image that runs, and no other", "", "claimed", "unchecked", "nobody asked", "")
	clock.forward(time.Minute)
	unsigned := clock.Now()
	say(verifier, "", image(good))
	is("told by whose word is taken", "", "web", "verified", "", "token:verifier")
	is("for their own tenant alone", "other", "web", "unsigned", "nobody vouches", "cofferdam")
	clock.forward(time.Minute)
	old := image(forged)
	clock.forward(time.Minute)
	if r := say(verifier, "", image(good)); r.Changed != 1 || !r.Counts {
		t.Errorf("%+v", r)
	}
	if r := say(verifier, "", old); r.Older != 1 || r.Changed != 0 {
		t.Errorf("an older answer: %+v", r)
	}
	clock.forward(time.Minute)
	found(1, image(forged))
	is("the newer answer counts", "", "web", "invalid", "its signature was refused", "cofferdam")
	clock.forward(time.Minute)
	found(0, image(forged)) // the same, within a day
	found(0, &inventory.Trust{Images: []inventory.CheckedImage{{Reference: ref, At: clock.Now(), Open: "the registry is away"}}})
	is("a registry that is away unsays nothing", "", "web", "invalid", "its signature was refused", "cofferdam")
	clock.forward(25 * time.Hour)
	found(1, &inventory.Trust{Images: []inventory.CheckedImage{{Reference: ref, At: clock.Now(), Open: "the registry is away"}}})
	is("but not for ever", "", "web", "unchecked", "the registry is away", "cofferdam")
	clock.forward(time.Minute)
	found(1, image(elsewhere))
	is("signed as another artifact's", "", "web", "invalid", "another artifact", "cofferdam")
	clock.forward(time.Minute)
	found(1, image(good))
	is("and mended", "", "web", "verified", "", "cofferdam")
	if m := by("", "web", unsigned.Add(-time.Second)); m.Trust != "unsigned" {
		t.Errorf("then: %+v", m)
	}
	docs, err := c.Documents(ctx, "", got.Digest)
	if err != nil || len(docs) != 1 {
		t.Fatalf("%v, %v", docs, err)
	}
	if m, err := c.DocumentTrust(ctx, &docs[0]); err != nil || m.Trust != "verified" {
		t.Errorf("the document by itself: %+v, %v", m, err)
	}
	ahead := image(good)
	ahead.Images[0].At = clock.Now().Add(time.Hour)
	many := image()
	many.Images[0].SBOMs = make([]inventory.VouchedSBOM, 101)
	for name, bad := range map[string]*inventory.Trust{"of the future": ahead, "too many SBOMs": many, "too many images": {Images: make([]inventory.CheckedImage, 1001)}} {
		if _, err := c.TakeTrust(ctx, verifier, "", bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	end()
	c, end = open(t, reopen(), o)
	is("after a new start", "", "web", "verified", "", "cofferdam")
	w, err := c.Where(ctx, catalog.WhereQuestion{Query: query(t, "pkg:npm/a"), Begin: true, Limit: 10})
	if err != nil || len(w.Sites) != 2 {
		t.Fatalf("%+v, %v", w, err)
	}
	for _, s := range w.Sites {
		if want := map[string]string{"web": "verified", "claimed": "unchecked"}[s.Workload.Name]; s.SBOM.Trust != want {
			t.Errorf("%+v", s)
		}
	}
}

func query(t testing.TB, text string) inventory.Query {
	t.Helper()
	q, err := inventory.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
