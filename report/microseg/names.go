package microseg

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Options name the program that writes the document.
type Options struct{ ToolName, ToolVersion string }

// namespace is that of our properties; "cdx:" is reserved by the standard's taxonomy.
const namespace = "cofferdam:"

// uuid derives a UUID from what the document says, so that the same estate at the
// same time is the same document.
func uuid(m *inventory.Map) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(m); err != nil {
		return "", err
	}
	return ident.UUIDFrom([sha256.Size]byte(h.Sum(nil))), nil
}

// place names a reference inside the document: "workload/cluster/ns/Kind/name".
func place(prefix string, r ident.Ref) string {
	parts := []string{prefix}
	if r.Cluster != "" {
		parts = append(parts, r.Cluster)
	}
	if r.Namespace != "" {
		parts = append(parts, r.Namespace)
	}
	return strings.Join(append(parts, r.Kind, r.Name), "/")
}

func external(cidr string) string { return "external/" + cidr }

// linked writes a reference as a BOM-Link fragment (CycloneDX BOM-Link,
// urn:cdx:serial/version#ref): reserved characters of a URN fragment are escaped.
func linked(serial, ref string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/:@"
	var b strings.Builder
	for i := 0; i < len(ref); i++ {
		if strings.IndexByte(safe, ref[i]) >= 0 {
			b.WriteByte(ref[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", ref[i])
		}
	}
	return "urn:cdx:" + serial + "/1#" + b.String()
}

// ports writes connections as "8080/TCP,9000-9010/UDP".
func ports(cs []segment.Conn) string {
	parts := make([]string, 0, len(cs))
	for _, c := range cs {
		switch {
		case c.From <= 1 && c.To == 65535:
			parts = append(parts, "*/"+c.Protocol.String())
		case c.From == c.To:
			parts = append(parts, fmt.Sprintf("%d/%s", c.From, c.Protocol))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d/%s", c.From, c.To, c.Protocol))
		}
	}
	return strings.Join(parts, ",")
}

// artifact is one image that workloads run.
type artifact struct {
	ref     string
	image   ident.ImageRef
	written string
	digest  ident.Digest
	sbom    *inventory.SBOMMatch
}

// artifacts lists the images of a map once each, in order of first use, and
// which of them each workload runs.
func artifacts(m *inventory.Map) (list []artifact, of map[ident.Ref][]string) {
	at := map[string]int{}
	of = map[ident.Ref][]string{}
	for _, w := range m.Workloads {
		for _, im := range w.Images {
			a := artifact{written: im.Image, sbom: im.SBOM}
			if r, err := ident.ParseImageRef(im.Image); err == nil {
				a.image, a.digest = r, r.Digest
			}
			if a.digest.IsZero() && len(im.Digests) > 0 {
				a.digest = im.Digests[0]
			}
			key := im.Image + "@" + a.digest.String()
			i, ok := at[key]
			if !ok {
				i = len(list)
				at[key] = i
				a.ref = fmt.Sprintf("image/%d", i)
				list = append(list, a)
			}
			known := false
			for _, ref := range of[w.Workload] {
				known = known || ref == list[i].ref
			}
			if !known {
				of[w.Workload] = append(of[w.Workload], list[i].ref)
			}
		}
	}
	return list, of
}

// complete reports whether the map may be called so: nothing was not seen,
// unknown, quarantined or without an SBOM.
func complete(m *inventory.Map) bool {
	return len(m.Unknowns) == 0 && len(m.Coverage.NotSeen) == 0 && m.Coverage.Quarantined == 0 &&
		m.Coverage.WithSBOM == m.Coverage.Workloads && len(m.WithoutSBOM) == 0
}

// flowsComplete reports whether the list of flows is all there is.
func flowsComplete(m *inventory.Map) bool {
	return len(m.Unknowns) == 0 && len(m.Coverage.NotSeen) == 0 && m.Coverage.Quarantined == 0
}
