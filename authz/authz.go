package authz

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Role is a set of actions that people and programs are given together.
type Role string

// The roles. None includes another: a person holds several.
const (
	Reader       Role = "reader"
	Publisher    Role = "publisher"
	SBOMApprover Role = "sbom-approver"
	Triager      Role = "triager"
	Admin        Role = "admin"
)

// Roles returns all of them, the weakest first.
func Roles() []Role { return []Role{Reader, Publisher, SBOMApprover, Triager, Admin} }

// Action is one thing that may be done.
type Action string

// The actions.
const (
	Read            Action = "read"             // questions, documents, the journal
	PutDocument     Action = "put-document"     // take a document in
	ReportInventory Action = "report-inventory" // say what runs in a cluster
	ApproveDocument Action = "approve-document" // draft → reviewed → published
	ArchiveDocument Action = "archive-document" // take out of the index; the bytes stay for as long as retention says
	Triage          Action = "triage"           // the state of a finding
	ApproveTriage   Action = "approve-triage"   // approve that somebody else accepted findings
	BlockComponent  Action = "block-component"  // say what must not be used
	ReadQuarantine  Action = "read-quarantine"  // hostile bytes, as they came
	ManageTokens    Action = "manage-tokens"
	Administer      Action = "administer" // backup, checkpoints, deletion
)

// granted says which roles allow an action, besides Admin, which allows all but
// approving: whoever administers the server cannot vouch for what is in it, nor accept what is
// wrong with it alone, unless they hold that role too.
var granted = map[Action][]Role{
	Read:            {Reader, Publisher, SBOMApprover, Triager},
	PutDocument:     {Publisher},
	ReportInventory: {Publisher},
	ApproveDocument: {SBOMApprover},
	ArchiveDocument: {SBOMApprover},
	Triage:          {Triager},
	ApproveTriage:   {Triager},
	BlockComponent:  {SBOMApprover, Triager},
	ReadQuarantine:  {SBOMApprover, Triager},
	ManageTokens:    {},
	Administer:      {},
}

// Actor is somebody whose identity the server has established. The zero value is
// nobody, who may do nothing.
type Actor struct {
	// Subject names them in every record: "loopback", "token:ci-shop", or the issuer
	// and subject of an identity token.
	Subject string
	Roles   []Role
	// Tenant confines them to one tenant's documents; "" is all tenants.
	Tenant string
}

// May reports whether the actor may do something to what a tenant owns.
func (a Actor) May(do Action, tenant string) bool { return a.Authorize(do, tenant) == nil }

// Authorize returns an error of kind refused that says what is missing.
func (a Actor) Authorize(do Action, tenant string) error {
	if a.Subject == "" {
		return ident.Errorf(ident.KindRefused, "nobody is signed in").WithHint("send a token (Authorization: Bearer …), or sign in at / with a browser")
	}
	allow, known := granted[do]
	if !known {
		return ident.Errorf(ident.KindRefused, "no role allows %q", string(do))
	}
	if do != ApproveDocument && do != ApproveTriage {
		allow = append(slices.Clone(allow), Admin)
	}
	if !slices.ContainsFunc(a.Roles, func(r Role) bool { return slices.Contains(allow, r) }) {
		return ident.Errorf(ident.KindRefused, "%s may not %s", a.Subject, strings.ReplaceAll(string(do), "-", " ")).
			WithHint("it takes the role %s", words(allow))
	}
	if a.Tenant != "" && a.Tenant != tenant {
		return ident.Errorf(ident.KindRefused, "%s belongs to the tenant %s", a.Subject, a.Tenant)
	}
	return nil
}

// ParseRoles reads roles separated by commas.
func ParseRoles(s string) ([]Role, error) {
	var out []Role
	for f := range strings.SplitSeq(s, ",") {
		r := Role(strings.TrimSpace(f))
		if !slices.Contains(Roles(), r) {
			return nil, ident.Errorf(ident.KindUsage, "no role is called %.60q", string(r)).WithHint("one of: %s", words(Roles()))
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// Names returns roles as texts.
func Names(roles []Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out
}

func words(roles []Role) string {
	out := Names(roles)
	if len(out) < 2 {
		return strings.Join(out, "")
	}
	return strings.Join(out[:len(out)-1], ", ") + " or " + out[len(out)-1]
}
