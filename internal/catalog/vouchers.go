package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// voucher is what one verification found out about SBOMs: of everything that is attached
// to an image, or of one document by itself.
type voucher struct {
	own      bool   // the server found it out itself
	tenant   string // whose documents it is about; of the server's own, everybody's
	by       string
	image    *inventory.CheckedImage // or
	document *inventory.VouchedSBOM
	scope    string
	from     time.Time
}

// vouchers are those that hold, by each digest that they are about. They are immutable.
type vouchers struct {
	of map[ident.Digest][]*voucher
	n  int
}

// The beginnings of scopes: what the server found out itself, and what others did.
const (
	ownScope  = "server/"
	saidScope = "said/"
)

// voucherBody is a row.
type voucherBody struct {
	Reference string         `json:"reference,omitempty"` // of an image
	Digests   []ident.Digest `json:"digests,omitempty"`   // whose attachments were looked at
	At        time.Time      `json:"at,omitzero"`
	Open      string         `json:"open,omitempty"`
	SBOMs     []vouchedBody  `json:"sboms"`
}

type vouchedBody struct {
	Document ident.Digest `json:"document,omitzero"`
	Content  ident.Digest `json:"content,omitzero"`
	Artifact ident.Digest `json:"artifact,omitzero"`
	Trust    string       `json:"trust"`
	By       string       `json:"by,omitempty"`
	Reason   string       `json:"reason,omitempty"`
}

// mostReason bounds what is kept of a reason, in bytes.
const mostReason = 400

func (v *voucher) body() ([]byte, error) {
	var b voucherBody
	add := func(s *inventory.VouchedSBOM) {
		b.SBOMs = append(b.SBOMs, vouchedBody{s.Document, s.Content, s.Artifact, s.Trust, printable(s.By, mostReason), printable(s.Reason, mostReason)})
	}
	if v.document != nil {
		add(v.document)
		return json.Marshal(&b)
	}
	b.Reference, b.Digests, b.At, b.Open = v.image.Reference.String(), v.image.Digests, v.image.At.UTC(), printable(v.image.Open, mostReason)
	for i := range v.image.SBOMs {
		add(&v.image.SBOMs[i])
	}
	return json.Marshal(&b)
}

// key names what a voucher is about: the digest that was resolved, or the reference where
// none was.
func (v *voucher) key() string {
	switch {
	case v.document != nil && !v.document.Document.IsZero():
		return "document " + v.document.Document.String()
	case v.document != nil:
		return "document " + v.document.Content.String()
	case len(v.image.Digests) > 0:
		return "image " + v.image.Digests[0].String()
	case !v.image.Reference.Digest.IsZero():
		return "image " + v.image.Reference.Digest.String()
	}
	return "image " + short(v.image.Reference.String())
}

// scoped fills in under which scope a voucher stands: each verification of an image
// replaces the last of the same image by the same, and nobody else's.
func (v *voucher) scoped() {
	if v.scope = ownScope + v.key(); !v.own {
		v.scope = saidScope + url.PathEscape(v.tenant) + "/" + url.PathEscape(v.by) + "/" + v.key()
	}
}

// about are the digests that a voucher is found by.
func (v *voucher) about() []ident.Digest {
	var out []ident.Digest
	switch {
	case v.document != nil:
		out = []ident.Digest{v.document.Document, v.document.Content, v.document.Artifact}
	case len(v.image.Digests) > 0:
		out = slices.Clone(v.image.Digests)
	default:
		out = []ident.Digest{v.image.Reference.Digest}
	}
	return slices.DeleteFunc(out, ident.Digest.IsZero)
}

// readVouchers reads those that hold, or held at a time.
func readVouchers(ctx context.Context, s store.Store, at time.Time) (*vouchers, error) {
	out := &vouchers{of: map[ident.Digest][]*voucher{}}
	err := eachState(ctx, s, store.StateQuery{Kind: store.StateTrust, At: at}, func(row *store.State) error {
		v, err := voucherOf(row)
		if err != nil {
			return ident.Errorf(ident.KindFailure, "who vouches for %.200q cannot be read: %w", row.Scope, err)
		}
		for _, d := range v.about() {
			if l := out.of[d]; len(l) == 0 || l[len(l)-1] != v {
				out.of[d] = append(l, v)
			}
		}
		out.n++
		return nil
	})
	return out, err
}

func voucherOf(row *store.State) (*voucher, error) {
	v := &voucher{scope: row.Scope, from: row.From}
	if rest, said := strings.CutPrefix(row.Scope, saidScope); said {
		tenant, rest, _ := strings.Cut(rest, "/")
		by, _, _ := strings.Cut(rest, "/")
		var err error
		if v.tenant, err = url.PathUnescape(tenant); err != nil {
			return nil, err
		}
		if v.by, err = url.PathUnescape(by); err != nil {
			return nil, err
		}
	} else {
		v.own, v.by = true, self.Subject
	}
	var b voucherBody
	if err := json.Unmarshal(row.Body, &b); err != nil {
		return nil, err
	}
	var list []inventory.VouchedSBOM
	for _, s := range b.SBOMs {
		list = append(list, inventory.VouchedSBOM{Document: s.Document, Content: s.Content, Artifact: s.Artifact, Trust: s.Trust, By: s.By, Reason: s.Reason})
	}
	if b.Reference == "" && len(list) == 1 {
		v.document = &list[0]
		v.document.Says, v.document.At = v.by, row.From
		return v, nil
	}
	ref, err := ident.ParseImageRef(b.Reference)
	if err != nil {
		return nil, err
	}
	v.image = &inventory.CheckedImage{Reference: ref, Digests: b.Digests, At: b.At, Open: b.Open, SBOMs: list, By: v.by}
	return v, nil
}

// unheard is what a voucher comes to whose author's word is not taken: it is told, and
// decides nothing.
func (v *voucher) unheard() *voucher {
	why := fmt.Sprintf("%s says so, whose word this server does not take", v.by)
	mute := func(s inventory.VouchedSBOM) inventory.VouchedSBOM {
		says := s.Trust
		if s.By != "" {
			says += ", signed by " + s.By
		}
		s.Trust, s.By, s.Reason = inventory.SBOMUnchecked, "", says+": "+why
		return s
	}
	out := *v
	if v.document != nil {
		d := mute(*v.document)
		out.document = &d
		return &out
	}
	c := *v.image
	if c.Open == "" {
		c.Open = "looked at: " + why
	}
	c.SBOMs = nil
	for _, s := range v.image.SBOMs {
		c.SBOMs = append(c.SBOMs, mute(s))
	}
	out.image = &c
	return &out
}

// trust is what is known of some digests for a tenant. What others say counts where the
// configuration takes their word, and is told where nobody else has said anything.
func (t *vouchers) trust(c *Catalog, tenant string, digests []ident.Digest) *inventory.Trust {
	var heard, others []*voucher
	for _, d := range digests {
		for _, v := range t.of[d] {
			switch {
			case slices.Contains(heard, v) || slices.Contains(others, v) || !v.own && v.tenant != tenant:
			case v.own || slices.Contains(c.trusting.Uploaders, v.by):
				heard = append(heard, v)
			default:
				others = append(others, v)
			}
		}
	}
	if len(heard) == 0 {
		for _, v := range others {
			heard = append(heard, v.unheard())
		}
	}
	out := &inventory.Trust{}
	for _, v := range heard {
		if v.document != nil {
			out.Documents = append(out.Documents, *v.document)
		} else {
			out.Images = append(out.Images, *v.image)
		}
	}
	return out
}
