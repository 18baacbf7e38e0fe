package inventory_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// TestTrust: what verifications of an image make of its SBOM. What could not be checked is
// never called unsigned, and what vouches for another artifact or document counts for
// nothing.
func TestTrust(t *testing.T) {
	doc := sboms["syft json"] // about the manifest and its configuration
	is, content, other := ident.SHA256([]byte(doc)), ident.SHA256([]byte("content")), ident.SHA256([]byte("other"))
	pod := func(ref, id string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: %q}]}\nstatus: {containerStatuses: [{name: web, image: %q, imageID: %q}]}\n", ref, ref, id)
	}
	asked := func(at int, open string, digest ident.Digest, list ...inventory.VouchedSBOM) inventory.CheckedImage {
		r, err := ident.ParseImageRef(image + "@" + digest.String())
		if err != nil {
			t.Fatal(err)
		}
		return inventory.CheckedImage{Reference: r, Digests: []ident.Digest{digest}, At: time.Unix(int64(at), 0), Open: open, SBOMs: list}
	}
	good := inventory.VouchedSBOM{Document: is, Artifact: manifestDigest, Trust: "verified", By: "ci@shop.example"}
	with := func(change func(*inventory.VouchedSBOM)) inventory.VouchedSBOM {
		v := good
		change(&v)
		return v
	}
	bad := with(func(v *inventory.VouchedSBOM) { v.Trust, v.By, v.Reason = "invalid", "", "forged" })
	unnamed := with(func(v *inventory.VouchedSBOM) { v.Trust, v.By, v.Reason = "unchecked", "", "nobody was named" })
	away := asked(1, "the registry did not answer", manifestDigest)
	away.Digests = nil
	tagged := asked(1, "", manifestDigest, good)
	tagged.Reference.Tag, tagged.Reference.Digest = "1.4", ident.Digest{}
	byManifest := pod(image+":1.4", image+"@"+manifestDigest.String())
	byIndex := pod(image+":1.4", image+"@"+indexDigest.String())
	byTag := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: web, image: '" + image + ":1.4'}]}}}\n"
	for name, c := range map[string]struct {
		pod    string
		trust  *inventory.Trust
		want   string
		reason string
	}{
		"nobody was asked":                {byManifest, nil, "unchecked", ""},
		"others were asked":               {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", other)}}, "unchecked", "nobody asked"},
		"verified":                        {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, good)}}, "verified", ""},
		"verified, and a forged one":      {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, bad, good)}}, "verified", ""},
		"verified, though not all asked":  {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "a mirror", manifestDigest, good)}}, "verified", ""},
		"nothing signed":                  {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest)}}, "unsigned", "nobody vouches"},
		"another document signed":         {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, with(func(v *inventory.VouchedSBOM) { v.Document = other }))}}, "unsigned", "nobody vouches"},
		"about another artifact":          {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, with(func(v *inventory.VouchedSBOM) { v.Artifact = other }))}}, "invalid", "another artifact"},
		"refused":                         {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, bad)}}, "invalid", "forged"},
		"whose was not said":              {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, unnamed)}}, "unchecked", "nobody was named"},
		"could not be checked":            {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "forbidden", manifestDigest)}}, "unchecked", "forbidden"},
		"the registry is away":            {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{away}}, "unchecked", "did not answer"},
		"written anew":                    {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, with(func(v *inventory.VouchedSBOM) { v.Document, v.Content = other, content }))}, Contents: map[ident.Digest]ident.Digest{is: content}}, "verified", ""},
		"contents that are not known":     {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, with(func(v *inventory.VouchedSBOM) { v.Document = other }))}}, "unsigned", "nobody vouches"},
		"a newer answer":                  {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(2, "", manifestDigest), asked(1, "", manifestDigest, good)}}, "unsigned", "nobody vouches"},
		"the document itself":             {byManifest, &inventory.Trust{Documents: []inventory.VouchedSBOM{with(func(v *inventory.VouchedSBOM) { v.Artifact = is })}}, "verified", ""},
		"only the index was asked":        {byIndex, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", indexDigest)}}, "unchecked", "was not asked at " + manifestDigest.Short()},
		"the index and its manifest":      {byIndex, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", indexDigest), asked(1, "", manifestDigest)}}, "unsigned", "nobody vouches"},
		"signed at the manifest":          {byIndex, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", indexDigest), asked(1, "", manifestDigest, good)}}, "verified", ""},
		"signed at the index":             {byManifest, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", indexDigest, with(func(v *inventory.VouchedSBOM) { v.Artifact = indexDigest }))}}, "verified", ""},
		"by its tag":                      {byTag, &inventory.Trust{Images: []inventory.CheckedImage{tagged}}, "verified", ""},
		"by its tag, asked by its digest": {byTag, &inventory.Trust{Images: []inventory.CheckedImage{asked(1, "", manifestDigest, good)}}, "unchecked", "nobody asked"},
	} {
		t.Run(name, func(t *testing.T) {
			var maps inventory.ImageIndex
			if c.pod != byTag {
				for _, raw := range [][]byte{indexRaw, manifestRaw} {
					if err := maps.AddManifest("", raw); err != nil {
						t.Fatal(err)
					}
				}
			}
			snap := build(t, world{manifests: c.pod, sboms: []string{doc}, images: maps, trust: c.trust})
			m, err := snap.Map(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			got := m.Workloads[0].Images[0].SBOM
			if got == nil || got.Trust != c.want || !strings.Contains(got.TrustReason, c.reason) || (got.Trust == "verified") != (got.SignedBy == "ci@shop.example") {
				t.Errorf("%+v; want %s, %q", got, c.want, c.reason)
			}
			if (m.Coverage.SBOMTrust == nil) != (c.trust == nil) || c.trust != nil && m.Coverage.SBOMTrust.String() != "1 "+c.want {
				t.Errorf("coverage %v", m.Coverage.SBOMTrust)
			}
			want := map[string]int{byManifest: 1, byIndex: 2, byTag: 1}[c.pod]
			if refs := snap.Vouchable(); len(refs) != want {
				t.Errorf("to be asked: %v", refs)
			}
		})
	}
}
