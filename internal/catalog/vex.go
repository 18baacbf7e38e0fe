package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/vex"
)

// The bounds of one document of statements that is handed over. Whole feeds are files.
const (
	MaxVEX        = 16 << 20 // bytes
	mostVEXRows   = 50_000
	rowOfProducts = store.MaxState / 2 // bytes of products in one row
)

// VEXDocument is a document of statements (VEX) that somebody handed over, for a time.
type VEXDocument struct {
	ID       string // by which it is withdrawn
	Uploader string
	Signer   string // whose signature over it verified when it was handed over; "" where nobody signed
	Document string // the document's own identifier, or its digest
	Digest   ident.Digest
	// Trusted is true where the signer's statements are applied, or of what nobody signed
	// the uploader's, to some products at least; the others are shown.
	Trusted    bool
	Statements []vuln.Statement
	From       time.Time
	Until      time.Time // zero while it counts

	scope string
}

// SignedVEX is what was in a signed document of statements.
type SignedVEX struct {
	Document []byte
	Signer   string // by the name that trust goes by
}

// Authors are those that the document names: nobody has proved it but a signer.
func (d *VEXDocument) Authors() []string {
	var out []string
	for i := range d.Statements {
		if a := d.Statements[i].Author; a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// VEXReceipt acknowledges a document of statements: it is on disk, and counts.
type VEXReceipt struct {
	VEXDocument
	Changed bool // it is new, or says something else than before
	Faults  []vuln.VEXFault
}

// vexBody is one row: a statement, or of one with very many products a part of it.
type vexBody struct {
	Digest    ident.Digest   `json:"digest"`             // of the document
	Uploader  string         `json:"uploader,omitempty"` // of a signed one, whose scope is its signer's
	Statement vuln.Statement `json:"statement"`
}

// uploads are the statements that count, by document. They are immutable.
type uploads struct {
	seq  uint64 // of the change that they are of
	docs []VEXDocument
}

// uploaded reads what counts, as of a change or later.
func uploaded(ctx context.Context, s store.Store, seq uint64) (*uploads, error) {
	docs, err := readVEX(ctx, s, store.StateQuery{})
	return &uploads{seq: seq, docs: docs}, err
}

func (u *uploads) statements() []vuln.Statement {
	var out []vuln.Statement
	for i := range u.docs {
		out = append(out, u.docs[i].Statements...)
	}
	return out
}

// changed are the identifiers, in upper case, of what one of two sets of uploads states
// something about and the other does not, or in another document.
func (u *uploads) changed(was *uploads) map[string]bool {
	out := map[string]bool{}
	add := func(a, b *uploads) {
		there := map[string]*VEXDocument{}
		for i := range b.docs {
			there[b.docs[i].scope] = &b.docs[i]
		}
		for i := range a.docs {
			d := &a.docs[i]
			if o := there[d.scope]; o != nil && o.Digest == d.Digest {
				continue
			}
			for k := range d.Statements {
				for _, id := range d.Statements[k].Vulnerability {
					out[strings.ToUpper(id)] = true
				}
			}
		}
	}
	add(u, was)
	add(was, u)
	return out
}

// vexScope names a document of an uploader, or of its signer, whoever hands it over:
// nobody replaces another's.
func vexScope(uploader, signer, document string) string {
	if signer != "" {
		return signedScope + url.PathEscape(signer) + "/" + document
	}
	return url.PathEscape(uploader) + "/" + document
}

// signedScope is what the scopes of signed documents begin with. No uploader's does: a
// per cent sign in a name is escaped.
const signedScope = "%signed/"

func vexID(scope string) string {
	return ident.SHA256([]byte(scope)).Hex()[:16]
}

// TakeVEX takes a document of statements in: OpenVEX, CSAF or CycloneDX. It replaces the
// uploader's earlier one of the same identifier. Statements count for findings at once
// where the uploader is trusted; what the document says of its author proves nothing.
//
// A signed one is its signer's, whoever hands it over: it replaces the signer's earlier
// one, and one that is older than that is refused.
func (c *Catalog) TakeVEX(ctx context.Context, by authz.Actor, raw []byte) (*VEXReceipt, error) {
	if len(raw) > MaxVEX {
		return nil, ident.Errorf(ident.KindLimit, "the document has more than %d MiB", MaxVEX>>20).WithHint("vex: in the server's configuration names files and folders of any size")
	}
	digest, signer := ident.SHA256(raw), ""
	if c.signedVEX != nil {
		s, err := c.signedVEX(ctx, raw)
		if err != nil {
			return nil, err
		}
		if s != nil {
			raw, signer = s.Document, s.Signer
		}
	}
	statements, faults, err := vex.Decode(ctx, "", raw)
	if err != nil {
		return nil, err
	}
	if len(statements) == 0 {
		why := "it makes no statement"
		if len(faults) > 0 {
			why = faults[0].Pointer + ": " + faults[0].Message
		}
		return nil, ident.Errorf(ident.KindInvalid, "nothing in the document can be used: %s", why)
	}
	name := short(statements[0].Document)
	if name == "" {
		name = digest.String()
	}
	out := &VEXReceipt{Faults: faults, VEXDocument: VEXDocument{Uploader: by.Subject, Document: name, Digest: digest, Signer: signer, Statements: statements, scope: vexScope(by.Subject, signer, name)}}
	c.identify(&out.VEXDocument)
	body := vexBody{Digest: digest}
	if signer != "" {
		out.Trusted, body.Uploader = true, by.Subject // it verified just now
		for i := range statements {
			statements[i].Author = signer
		}
		there, err := c.follows(ctx, &out.VEXDocument)
		if err != nil || there {
			return out, err
		}
	}
	rows, err := vexRows(body, statements)
	if err != nil {
		return nil, err
	}
	n, err := c.store.Assert(ctx, c.mutation(by), store.StateVEX, out.scope, rows)
	if err != nil {
		return nil, storeError(err)
	}
	out.Changed = n > 0
	if err := c.settleVEX(ctx, n); err != nil {
		return nil, err
	}
	for _, d := range c.follow.now().vex.docs {
		if d.scope == out.scope {
			out.From = d.From
		}
	}
	return out, nil
}

// follows refuses a signed document that is older than what its signer stated before
// under the same identifier: whoever kept it cannot bring it back. It reports whether the
// document is there already.
func (c *Catalog) follows(ctx context.Context, d *VEXDocument) (there bool, err error) {
	before, err := readVEX(ctx, c.store, store.StateQuery{Scope: d.scope, History: true})
	if err != nil || len(before) == 0 {
		return false, err
	}
	slices.SortFunc(before, func(a, b VEXDocument) int { return a.From.Compare(b.From) })
	last := &before[len(before)-1]
	if last.Digest == d.Digest {
		d.From = last.From
		return last.Until.IsZero(), nil
	}
	older := d.stated().Before(last.stated())
	for i := range before {
		older = older || before[i].Digest == d.Digest
	}
	if older {
		return false, ident.Errorf(ident.KindInvalid, "%s has stated something newer under the identifier %s: what was handed over is of %s, and what came after it of %s", d.Signer, d.Document,
			d.stated().UTC().Format(time.RFC3339), last.stated().UTC().Format(time.RFC3339)).WithHint("vex list --history shows both; to state the old again, sign it anew with a later timestamp")
	}
	return false, nil
}

// stated is when the newest of the statements was made.
func (d *VEXDocument) stated() time.Time {
	var out time.Time
	for i := range d.Statements {
		if at := d.Statements[i].At; at.After(out) {
			out = at
		}
	}
	return out
}

// settleVEX lets what changed be seen, and findings follow it at once.
func (c *Catalog) settleVEX(ctx context.Context, changed int) error {
	if changed == 0 {
		return nil
	}
	err := c.settle(ctx)
	c.wakeFindings()
	return err
}

// identify fills in what follows from a document's scope.
func (c *Catalog) identify(d *VEXDocument) {
	d.ID = vexID(d.scope)
	if d.Signer != "" {
		m := c.advisories.set.Load()
		d.Trusted = m != nil && m.Intelligence != nil && m.Intelligence.Statements.Signs(d.Signer)
		return
	}
	d.Trusted = slices.ContainsFunc(c.uploaders, func(a vuln.TrustedAuthor) bool { return strings.EqualFold(strings.TrimSpace(a.Name), d.Uploader) })
}

// vexRows spreads statements over rows that a store takes.
func vexRows(body vexBody, statements []vuln.Statement) ([]store.State, error) {
	var out []store.State
	add := func(st vuln.Statement) error {
		row := body
		row.Statement = st
		body, err := json.Marshal(row)
		if err != nil {
			return err
		}
		if len(body) > store.MaxState {
			return ident.Errorf(ident.KindLimit, "the statement %s has %d bytes; at most %d are kept", st.Pointer, len(body), store.MaxState)
		}
		if len(out) == mostVEXRows {
			return ident.Errorf(ident.KindLimit, "the document has more than %d statements", mostVEXRows).WithHint("vex: in the server's configuration names files and folders of any size")
		}
		subject := ""
		if len(st.Vulnerability) > 0 {
			subject = short(st.Vulnerability[0])
		}
		out = append(out, store.State{Key: fmt.Sprintf("%06d", len(out)), Subject: subject, Body: body})
		return nil
	}
	for _, st := range statements {
		part := st
		part.Products = nil
		size := 0
		for i := range st.Products {
			text, err := json.Marshal(&st.Products[i])
			if err != nil {
				return nil, err
			}
			if size+len(text) > rowOfProducts && len(part.Products) > 0 {
				if err := add(part); err != nil {
					return nil, err
				}
				part.Products, size = nil, 0
			}
			part.Products, size = append(part.Products, st.Products[i]), size+len(text)
		}
		if err := add(part); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// WithdrawVEX ends a document of statements: it counts no longer, and is known to have.
func (c *Catalog) WithdrawVEX(ctx context.Context, by authz.Actor, id string) error {
	for _, d := range c.follow.now().vex.docs {
		if vexID(d.scope) == id {
			n, err := c.store.Assert(ctx, c.mutation(by), store.StateVEX, d.scope, nil)
			if err != nil {
				return storeError(err)
			}
			return c.settleVEX(ctx, n)
		}
	}
	return ident.Errorf(ident.KindNotFound, "no document of statements has the number %.40q", id).WithHint("cofferdam vex list shows them")
}

// VEXQuery selects documents of statements. Zero fields select everything that counts
// now.
type VEXQuery struct {
	Vulnerability string // by any name that a statement has
	Uploader      string
	At            time.Time
	History       bool
	After         *VEXCursor
	Limit         int
}

// VEXCursor is the place of a document in the order of answers.
type VEXCursor struct {
	ID   string
	From time.Time
}

// VEX lists what was handed over, by number and time.
func (c *Catalog) VEX(ctx context.Context, q VEXQuery) (out []VEXDocument, more bool, err error) {
	docs := c.follow.now().vex.docs
	if !q.At.IsZero() || q.History {
		if docs, err = readVEX(ctx, c.store, store.StateQuery{At: q.At, History: q.History}); err != nil {
			return nil, false, err
		}
	}
	for i := range docs {
		d := docs[i] // a copy: the view's are shared
		c.identify(&d)
		is := func(id string) bool { return strings.EqualFold(id, q.Vulnerability) }
		about := func(s vuln.Statement) bool { return slices.ContainsFunc(s.Vulnerability, is) }
		if (q.Uploader == "" || d.Uploader == q.Uploader) && (q.Vulnerability == "" || slices.ContainsFunc(d.Statements, about)) {
			out = append(out, d)
		}
	}
	order := func(a, b VEXDocument) int { return cmp.Or(cmp.Compare(a.ID, b.ID), a.From.Compare(b.From)) }
	slices.SortFunc(out, order)
	if a := q.After; a != nil {
		out = slices.DeleteFunc(out, func(d VEXDocument) bool { return order(d, VEXDocument{ID: a.ID, From: a.From}) <= 0 })
	}
	if len(out) > q.Limit {
		return out[:q.Limit], true, nil
	}
	return out, false, nil
}

// readVEX reads the documents of statements that a query selects. What one document
// said from one time on is one.
func readVEX(ctx context.Context, s store.Store, q store.StateQuery) ([]VEXDocument, error) {
	q.Kind = store.StateVEX
	type interval struct {
		scope string
		from  int64
	}
	at := map[interval]int{}
	var out []VEXDocument
	err := eachState(ctx, s, q, func(r *store.State) error {
		var b vexBody
		rest, signed := strings.CutPrefix(r.Scope, signedScope)
		who, name, _ := strings.Cut(rest, "/")
		err := json.Unmarshal(r.Body, &b)
		if err == nil {
			who, err = url.PathUnescape(who)
		}
		uploader, signer := who, ""
		if signed {
			uploader, signer = b.Uploader, who
		}
		if err != nil {
			return ident.Errorf(ident.KindFailure, "the statement %.80q of %.200q cannot be read: %w", r.Key, r.Scope, err)
		}
		k := interval{r.Scope, r.From.UnixMicro()} // every row holds the digest: a version is written whole
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out = append(out, VEXDocument{Uploader: uploader, Signer: signer, Document: name, Digest: b.Digest, From: r.From, Until: r.Until, scope: r.Scope})
		}
		b.Statement.Uploader, b.Statement.Signer, b.Statement.File = uploader, signer, name+" (handed over by "+uploader+")"
		if signed {
			b.Statement.File = name + " (signed by " + signer + ", handed over by " + uploader + ")"
		}
		out[n].Statements = append(out[n].Statements, b.Statement)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
