package vuln

import (
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Statement is what somebody says about one vulnerability in some products, whatever
// form of VEX it was read from.
type Statement struct {
	Vulnerability []string  `json:"vulnerability"` // identifiers, the one that leads first
	Products      []Product `json:"products,omitempty"`
	Status        Status    `json:"status"`
	Justification string    `json:"justification,omitempty"` // the form's own word: "vulnerable_code_not_present"
	Impact        string    `json:"impact,omitempty"`        // why the products are not affected, in words
	Action        string    `json:"action,omitempty"`        // what to do where they are
	At            time.Time `json:"at,omitzero"`             // when it was made or last changed; zero where nothing tells
	Author        string    `json:"author,omitempty"`        // as the document names it: nobody has proved it
	Document      string    `json:"document,omitempty"`      // the document's own identifier
	File          string    `json:"-"`                       // that it was read from
	Form          string    `json:"form,omitempty"`          // of the document: FormOpenVEX, …
	Pointer       string    `json:"pointer,omitempty"`       // JSON pointer within it
	// Uploader is who handed it over, where somebody established that. Trust goes by it
	// then, and not by what the document says of its author.
	Uploader string `json:"-"`
	// Signer is whose signature over the document verified. Trust goes by it then, and
	// Author is the same.
	Signer string `json:"-"`
}

// The forms of documents of statements.
const (
	FormOpenVEX   = "openvex"
	FormCSAF      = "csaf"
	FormCycloneDX = "cyclonedx"
)

// Product is something that a statement is about: an artifact or a component, or
// something within one of them.
type Product struct {
	Name     string         `json:"name,omitempty"`     // what to call it for people; never compared
	PURL     string         `json:"purl,omitempty"`     // as written; without a version it means every version
	Versions string         `json:"versions,omitempty"` // VERS range that replaces the version of PURL
	Digests  []ident.Digest `json:"digests,omitempty"`  // of the artifact's or component's bytes
	BOM      BOMRef         `json:"bom,omitzero"`       // an element of a CycloneDX BOM
	// Platform restricts the product to artifacts of one distribution, in the words of
	// os-release(5): a vendor speaks of its package on one of its releases.
	Platform string `json:"platform,omitempty"` // "rhel"; "" for any
	Release  string `json:"release,omitempty"`  // "9": its version or the beginning of it; "" for any
	// Subcomponents are package URLs of what the statement is about within the product;
	// none: of the product as a whole.
	Subcomponents []string `json:"subcomponents,omitempty"`
	// Unbound says why the product can be compared with nothing; "" where it can.
	Unbound string `json:"unbound,omitempty"`
}

// BOMRef names an element of a CycloneDX BOM (BOM-Link).
type BOMRef struct {
	Serial  string       `json:"serial,omitempty"`  // "urn:uuid:…", or "" where the document has none
	Version int          `json:"version,omitempty"` // of the serial number; 0 is any
	Digest  ident.Digest `json:"digest,omitzero"`   // of the document, for elements of the same one
	Ref     string       `json:"ref,omitempty"`     // bom-ref; "" is the BOM's subject
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
	// Uploaders are those whose uploads are applied, whatever author these name.
	Uploaders []TrustedAuthor
	// Signers are those whose signed statements are applied, by Statement.Signer.
	Signers []TrustedAuthor
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
	return t.Everybody || trusts(t.Authors, author, p)
}

// covers reports whether a statement is applied to a product.
func (t *Trust) covers(st *Statement, p *Product) bool {
	if st.Signer != "" {
		return trusts(t.Signers, st.Signer, p)
	}
	if st.Uploader != "" {
		return trusts(t.Uploaders, st.Uploader, p)
	}
	return t.Covers(st.Author, p)
}

func trusts(list []TrustedAuthor, author string, p *Product) bool {
	for _, a := range list {
		if author == "" || !sameAuthor(author, a.Name) {
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

func sameAuthor(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
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
