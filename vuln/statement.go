package vuln

import (
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Statement is what somebody says about one vulnerability in some products, whatever
// form of VEX it was read from.
type Statement struct {
	Vulnerability []string // identifiers, the one that leads first
	Products      []Product
	Status        Status
	Justification string    // the form's own word: "vulnerable_code_not_present"
	Impact        string    // why the products are not affected, in words
	Action        string    // what to do where they are
	At            time.Time // when it was made or last changed; zero where nothing tells
	Author        string    // as the document names it: nobody has proved it
	Document      string    // the document's own identifier
	File          string    // that it was read from
	Pointer       string    // JSON pointer within it
}

// Product is something that a statement is about: an artifact or a component, or
// something within one of them.
type Product struct {
	Name     string         // what to call it for people; never compared
	PURL     string         // as written; without a version it means every version
	Versions string         // VERS range that replaces the version of PURL
	Digests  []ident.Digest // of the artifact's or component's bytes
	BOM      BOMRef         // an element of a CycloneDX BOM
	// Platform restricts the product to artifacts of one distribution, in the words of
	// os-release(5): a vendor speaks of its package on one of its releases.
	Platform string // "rhel"; "" for any
	Release  string // "9": its version or the beginning of it; "" for any
	// Subcomponents are package URLs of what the statement is about within the product;
	// none: of the product as a whole.
	Subcomponents []string
	// Unbound says why the product can be compared with nothing; "" where it can.
	Unbound string
}

// BOMRef names an element of a CycloneDX BOM (BOM-Link).
type BOMRef struct {
	Serial  string       // "urn:uuid:…", or "" where the document has none
	Version int          // of the serial number; 0 is any
	Digest  ident.Digest // of the document, for elements of the same one
	Ref     string       // bom-ref; "" is the BOM's subject
}

// IsZero reports whether r names nothing.
func (r BOMRef) IsZero() bool { return r == BOMRef{} }

// VEXFault is something wrong in one statement: it costs that statement only.
type VEXFault struct {
	File    string
	Pointer string
	Message string
}

// Where is file#pointer.
func (f VEXFault) Where() string {
	if f.Pointer == "" {
		return f.File
	}
	return f.File + "#" + f.Pointer
}

// Trust says whose statements are applied. The zero value trusts nobody.
type Trust struct {
	Everybody bool // whoever handed the documents over answers for them
	Authors   []TrustedAuthor
}

// TrustedAuthor is one author whose statements are applied.
type TrustedAuthor struct {
	Name string // as documents name it, without regard to case
	// Products restricts the author to products whose package URL begins so
	// ("pkg:oci/", "pkg:golang/github.com/rancher/"); none: no restriction.
	Products []string
}

// Covers reports whether an author's statements about a product are applied.
func (t *Trust) Covers(author string, p *Product) bool {
	if t == nil {
		return false
	}
	if t.Everybody {
		return true
	}
	for _, a := range t.Authors {
		if author == "" || !strings.EqualFold(strings.TrimSpace(author), strings.TrimSpace(a.Name)) {
			continue
		}
		if len(a.Products) == 0 {
			return true
		}
		for _, prefix := range a.Products {
			if prefix != "" && strings.HasPrefix(p.PURL, prefix) {
				return true
			}
		}
	}
	return false
}

// ParseStatus reads a status in the words that OpenVEX and most tools use.
func ParseStatus(s string) (Status, bool) {
	switch Status(s) {
	case StatusAffected, StatusNotAffected, StatusFixed, StatusUnderInvestigation:
		return Status(s), true
	}
	return "", false
}

// Clears reports whether the status says that there is nothing to mend.
func (s Status) Clears() bool { return s == StatusNotAffected || s == StatusFixed }
