package authz_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
)

func Example() {
	ci := authz.Actor{Subject: "token:ci", Roles: []authz.Role{authz.Publisher}}
	fmt.Println(ci.May(authz.PutDocument, "shop"), ci.May(authz.ApproveDocument, "shop"))
	// Output: true false
}

// The whole table: what each role alone may do.
func TestRolesAllowExactly(t *testing.T) {
	all := []authz.Action{authz.Read, authz.PutDocument, authz.ReportInventory, authz.ApproveDocument, authz.ArchiveDocument, authz.Triage, authz.ApproveTriage, authz.BlockComponent,
		authz.ReadQuarantine, authz.ManageTokens, authz.Administer}
	want := map[authz.Role][]authz.Action{
		authz.Reader:       {authz.Read},
		authz.Publisher:    {authz.Read, authz.PutDocument, authz.ReportInventory},
		authz.SBOMApprover: {authz.Read, authz.ApproveDocument, authz.ArchiveDocument, authz.BlockComponent, authz.ReadQuarantine},
		authz.Triager:      {authz.Read, authz.Triage, authz.ApproveTriage, authz.BlockComponent, authz.ReadQuarantine},
		authz.Admin:        slices.DeleteFunc(slices.Clone(all), func(a authz.Action) bool { return a == authz.ApproveDocument || a == authz.ApproveTriage }),
		"root":             nil,
	}
	for role, may := range want {
		a := authz.Actor{Subject: "somebody", Roles: []authz.Role{role}}
		for _, do := range append(all, "unheard-of") {
			if got := a.May(do, "shop"); got != slices.Contains(may, do) {
				t.Errorf("%s may %s: %t", role, do, got)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		actor authz.Actor
		do    authz.Action
		want  string
	}{
		"nobody":         {authz.Actor{Roles: []authz.Role{authz.Admin}}, authz.Read, "nobody is signed in"},
		"another role":   {authz.Actor{Subject: "token:ci", Roles: []authz.Role{authz.Reader}}, authz.PutDocument, "token:ci may not put document"},
		"another tenant": {authz.Actor{Subject: "token:ci", Roles: []authz.Role{authz.Admin}, Tenant: "bank"}, authz.Read, "belongs to the tenant bank"},
	} {
		err := c.actor.Authorize(c.do, "shop")
		if err == nil || !strings.Contains(err.Error(), c.want) || ident.KindOf(err) != ident.KindRefused {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestParseRoles(t *testing.T) {
	if got, err := authz.ParseRoles("triager, reader,triager"); err != nil || !slices.Equal(got, []authz.Role{authz.Triager, authz.Reader}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "reader,", "Admin", "admin;reader"} {
		if got, err := authz.ParseRoles(bad); err == nil {
			t.Errorf("%q is %v", bad, got)
		}
	}
}
