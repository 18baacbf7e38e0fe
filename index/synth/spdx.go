package synth

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// spdxBytes is how large documents are written: the components, their identifiers
// and relationships take most of it where there are some 280, and files of the
// image's own layers the rest.
const spdxBytes = 300_000

// origin is what a component was made of.
type origin struct {
	entry                    entry // zero for a module
	service, release, module int32
}

// Manifest is the digest of the manifest of the image that the document is about.
func (d *Document) Manifest() ident.Digest {
	digest, err := ident.ParseDigest("sha256:" + digestOf(uint64(d.ID)<<20|1))
	if err != nil {
		panic(err) // digestOf writes 64 hexadecimal digits
	}
	return digest
}

// SPDX appends a document that Next returned last as a scanner of images writes it:
// SPDX 2.3, JSON, without indentation. As theirs do, a package has the same
// identifier and the same text in every document that has it in the same place; the
// name, the files, their digests and layer, the order and the relationships are the
// document's own. Corpus must have been made with Config.Spelled.
func (c *Corpus) SPDX(dst []byte, d *Document) []byte {
	start := len(dst)
	name := fmt.Sprintf("registry.example/team-%d/service-%d", d.Service%40, d.Service)
	manifest := d.Manifest().Hex()
	dst = fmt.Appendf(dst, `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":%q,"documentNamespace":"https://scanner.example/image/%s-%016x","creationInfo":{"licenseListVersion":"3.27","creators":["Organization: Example","Tool: made-1.0.0"],"created":"2026-01-02T03:04:05Z"},"packages":[`,
		name, name, mix(uint64(d.ID)))
	ids := make([]string, len(d.Entries))
	for i, e := range d.Entries {
		dst, ids[i] = appendPackage(dst, c.origins[e])
		dst = append(dst, ',')
	}
	root := fmt.Sprintf("SPDXRef-DocumentRoot-Image-service-%d", d.Service)
	dst = fmt.Appendf(dst, `{"name":%q,"SPDXID":%q,"versionInfo":"sha256:%s","supplier":"NOASSERTION","downloadLocation":"NOASSERTION","filesAnalyzed":false,"checksums":[{"algorithm":"SHA256","checksumValue":"%s"}],"licenseConcluded":"NOASSERTION","licenseDeclared":"NOASSERTION","copyrightText":"NOASSERTION","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:oci/service-%d@sha256%%3A%s?arch=amd64"}],"primaryPackagePurpose":"CONTAINER"}]`,
		name, root, manifest, manifest, d.Service, manifest)
	dst = append(dst, `,"relationships":[`...)
	for _, id := range ids {
		dst = append(append(dst, `{"spdxElementId":"`...), root...)
		dst = append(append(dst, `","relatedSpdxElement":"`...), id...)
		dst = append(dst, `","relationshipType":"CONTAINS"},`...)
	}
	dst = append(dst, `{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"`...)
	dst = append(append(dst, root...), `","relationshipType":"DESCRIBES"}],"files":[`...)
	layer := digestOf(uint64(d.ID)<<20 | 2)
	for n := 0; n == 0 || len(dst)-start < spdxBytes; n++ {
		if n > 0 {
			dst = append(dst, ',')
		}
		seed := uint64(d.ID)<<20 | uint64(n+3) //nolint:gosec // small numbers
		sum := digestOf(seed)
		path := "app/" + nameOf(95, uint32(mix(seed)%5000)) + "/" + nameOf(94, uint32(n)) + ".js" //nolint:gosec // small numbers
		dst = fmt.Appendf(dst, `{"fileName":%q,"SPDXID":"SPDXRef-File-%s-%s","fileTypes":["TEXT"],"checksums":[{"algorithm":"SHA1","checksumValue":"%s"},{"algorithm":"SHA256","checksumValue":"%s"}],"licenseConcluded":"NOASSERTION","licenseInfoInFiles":["NOASSERTION"],"copyrightText":"NOASSERTION","comment":"layerID: sha256:%s"}`,
			path, strings.ReplaceAll(path, "/", "-"), sum[:16], sum[:40], sum, layer)
	}
	return append(dst, "]}"...)
}

// component is what an id stands for.
func (o origin) component() sbom.Component {
	if o.release > 0 {
		return module(int(o.service), int(o.release), int(o.module))
	}
	c, _ := o.entry.component()
	return c
}

var algorithms = map[string]string{"SHA-1": "SHA1", "SHA-256": "SHA256", "SHA-512": "SHA512"}

// appendPackage writes a component, and returns the identifier that it has.
func appendPackage(dst []byte, o origin) ([]byte, string) {
	c := o.component()
	typ, _, _ := strings.Cut(strings.TrimPrefix(c.PURL, "pkg:"), "/")
	plain := strings.NewReplacer("/", "-", "@", "", ":", ".").Replace(c.Name)
	id := fmt.Sprintf("SPDXRef-Package-%s-%s-%016x", typ, plain, mix(o.entry.number()+uint64(o.service)<<32+uint64(o.release)<<8+uint64(o.module))) //nolint:gosec // only told apart
	supplier, licence, cpe := "NOASSERTION", "NOASSERTION", strings.NewReplacer("/", `\\/`, "@", `\\@`).Replace(c.Name)
	if c.Supplier != "" {
		supplier = "Organization: " + c.Supplier
	}
	if len(c.Licenses) > 0 {
		licence = c.Licenses[0].Expression
	}
	dst = fmt.Appendf(dst, `{"name":"%s","SPDXID":"%s","versionInfo":"%s","supplier":"%s","downloadLocation":"NOASSERTION","filesAnalyzed":false,`, c.Name, id, c.Version, supplier)
	if len(c.Hashes) > 0 {
		dst = fmt.Appendf(dst, `"checksums":[{"algorithm":"%s","checksumValue":"%s"}],`, algorithms[c.Hashes[0].Algorithm], c.Hashes[0].Value)
	}
	dst = fmt.Appendf(dst, `"sourceInfo":"acquired package info from the installed %s packages: /usr/lib/%s/%s/metadata","licenseConcluded":"NOASSERTION","licenseDeclared":"%s","copyrightText":"NOASSERTION","externalRefs":[{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:%s:%s:%s:*:*:*:*:*:*:*"},{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"%s"}]}`,
		typ, typ, plain, licence, cpe, cpe, c.Version, c.PURL)
	return dst, id
}

// digestOf returns 64 digits that look as if they were of a digest.
func digestOf(seed uint64) string {
	var b [32]byte
	for i := 0; i < len(b); i += 8 {
		seed = mix(seed + 0x9e3779b97f4a7c15)
		for k := range 8 {
			b[i+k] = byte(seed >> (8 * k)) //nolint:gosec // a byte of it
		}
	}
	return hex.EncodeToString(b[:])
}

// spell notes what the components that a document brought were made of, in the
// order of their ids.
func (c *Corpus) spell(p pending) {
	if c.config.Spelled {
		c.origins = append(c.origins, p.origin)
	}
}
