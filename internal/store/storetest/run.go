package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Run holds an engine to the contract.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store, *Dictionary)
	}{
		{"empty", empty},
		{"a document comes back as it was", roundTrip},
		{"the same again costs nothing", duplicates},
		{"ids are dense and in commit order", dictionary},
		{"the dictionary grows", dictionaryGrows},
		{"keys of any bytes", foreignBytes},
		{"rows without the caller's dictionary", withoutCache},
		{"components by number", byNumber},
		{"documents are found by their names", names},
		{"documents of one identity are of one artifact", artifacts},
		{"a document joins artifacts", joins},
		{"tenants are apart", tenants},
		{"quarantine", quarantine},
		{"scopes are forgotten", forget},
		{"what a sender claims joins nothing", claims},
		{"digests of what there is", digests},
		{"tombstones", tombstones},
		{"purge", purge},
		{"texts", texts},
		{"texts are purged with the last original", textsPurged},
		{"status", status},
		{"segments", segments},
		{"segments of several writers", segmentWriters},
		{"states have intervals", states},
		{"states by page", statePages},
		{"states of many scopes at once", amended},
		{"many states of a scope", manyStates},
		{"journal and checkpoints", journal},
		{"audit", audit},
		{"a refused group changes nothing", refusals},
		{"a large group", largeGroup},
		{"concurrent intake", concurrent},
		{"a reader never sees a gap", followers},
		{"a closed store says so", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &Dictionary{}
			s := open(t, d.Coding())
			c.test(t, s, d)
			if c.name != "a closed store says so" {
				Whole(t, s)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func empty(t *testing.T, s store.Store, _ *Dictionary) {
	p := must(s.Position(t.Context()))(t)
	if p != (store.Position{}) {
		t.Errorf("an empty store is at %+v", p)
	}
	if r, err := s.Commit(t.Context(), nil); err != nil || len(r) != 0 {
		t.Errorf("an empty group: %v, %v", r, err)
	}
	if _, err := s.Original(t.Context(), "acme", ident.SHA256(nil)); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("an original that is not there: %v", err)
	}
	if _, err := s.Since(t.Context(), 0, 0); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("a page without a limit: %v", err)
	}
}

func roundTrip(t *testing.T, s store.Store, _ *Dictionary) {
	in := Doc(1, "a", "b", "c")
	in.Status = store.StatusReviewed
	in.Subject.References = []string{"registry.example.test/shop/app-1:1.0", "pkg:oci/app-1"}
	in.Subject.Build, in.Subject.Release, in.Subject.Service, in.Subject.Owner, in.Subject.Cluster = "b-1", "v1", "shop", "team-a", "prod"
	in.Subject.Claimed, in.Subject.Serial, in.Subject.Made, in.Subject.Incomplete = Manifest(77), "urn:uuid:1", By(-3600).Time, true
	r := Commit(t, s, in)[0]
	if r.Seq != 1 || r.Document != 0 || r.Artifact != 0 || r.Duplicate || r.Rejected != 0 || len(r.Added) != 3 || !slices.Equal(DecodeRow(r.Row), []uint32{0, 1, 2}) {
		t.Errorf("receipt %+v", r)
	}
	want := store.Document{ID: 0, Seq: 1, Tenant: "acme", Original: in.Original, Size: in.Size, Media: in.Media, Format: in.Format,
		Status: store.StatusReviewed, Subject: in.Subject, Actor: in.Actor, Time: in.Time}
	for what, got := range map[string][]store.Document{
		"Lookup":    must(s.Lookup(t.Context(), "acme", in.Original))(t),
		"Documents": must(s.Documents(t.Context(), []uint32{7, 0}))(t),
	} {
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	o := must(s.Original(t.Context(), "acme", in.Original))(t)
	if !bytes.Equal(o.Data, in.Data) || o.Size != in.Size || o.Digest != in.Original {
		t.Errorf("original %+v", o)
	}
	c := Changes(t, s, 0)
	if len(c) != 1 || c[0].Kind != store.ChangeAdded || c[0].Tenant != "acme" || !bytes.Equal(c[0].Row, r.Row) {
		t.Errorf("changes %+v", c)
	}
}

func duplicates(t *testing.T, s store.Store, _ *Dictionary) {
	first := Commit(t, s, Doc(1, "a"), Doc(2, "a", "b"))
	before := must(s.Position(t.Context()))(t)
	later := Doc(1, "a")
	later.Mutation = By(900)
	later.Actor = "somebody@example.test"
	again := Commit(t, s, later, Doc(2, "a", "b"))
	for i, r := range again {
		if !r.Duplicate || r.Seq != first[i].Seq || r.Document != first[i].Document || r.Artifact != first[i].Artifact {
			t.Errorf("the same again: %+v, first %+v", r, first[i])
		}
	}
	if after := must(s.Position(t.Context()))(t); after != before {
		t.Errorf("duplicates moved the store from %+v to %+v", before, after)
	}
	// Twice in one group.
	twice := Commit(t, s, Doc(3, "c"), Doc(4), Doc(3, "c"))
	if twice[0].Duplicate || !twice[2].Duplicate || twice[0].Document != twice[2].Document || twice[2].Seq != twice[0].Seq {
		t.Errorf("twice in one group: %+v", twice)
	}
	// The same bytes about something else are another document, whose bytes are kept once.
	other := Doc(1, "a")
	other.Subject.Build = "b-77"
	r := Commit(t, s, other)[0]
	if r.Duplicate || r.Document == first[0].Document || r.Artifact != first[0].Artifact {
		t.Errorf("the same bytes with another build: %+v", r)
	}
	if d := must(s.Lookup(t.Context(), "acme", other.Original))(t); len(d) != 2 {
		t.Errorf("%d documents have the bytes", len(d))
	}
}

func dictionary(t *testing.T, s store.Store, d *Dictionary) {
	r := Commit(t, s, Doc(1, "b", "d"), Doc(2, "a", "b", "c"))
	if want := []store.Entry{{ID: 0, Key: "b"}, {ID: 1, Key: "d"}}; !slices.Equal(r[0].Added, want) {
		t.Errorf("first document added %v", r[0].Added)
	}
	if want := []store.Entry{{ID: 2, Key: "a"}, {ID: 3, Key: "c"}}; !slices.Equal(r[1].Added, want) {
		t.Errorf("second document added %v", r[1].Added)
	}
	if row := DecodeRow(r[1].Row); !slices.Equal(row, []uint32{0, 2, 3}) {
		t.Errorf("second row %v", row)
	}
	d.Learn(Entries(t, s))
	// Known to the caller, known to the database only, and new.
	d.mu.Lock()
	delete(d.ids, "d")
	delete(d.has, 1)
	d.count = 1
	d.mu.Unlock()
	r = Commit(t, s, Doc(3, "a", "d", "e"))
	if row := DecodeRow(r[0].Row); !slices.Equal(row, []uint32{1, 2, 4}) || len(r[0].Added) != 1 {
		t.Errorf("third row %v, added %v", row, r[0].Added)
	}
	if e := must(s.Dictionary(t.Context(), 3, 1))(t); len(e) != 1 || e[0] != (store.Entry{ID: 3, Key: "c"}) {
		t.Errorf("a page of the dictionary: %v", e)
	}
}

func foreignBytes(t *testing.T, s store.Store, _ *Dictionary) {
	keys := []string{"\x00", "\x00\x01", "a\x00b", "\xff\xfe", "'; DROP TABLE document; --", "日本語", strings.Repeat("k", store.MaxKey)}
	Commit(t, s, Doc(1, keys...))
	var got []string
	for _, e := range Entries(t, s) {
		got = append(got, e.Key)
	}
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("keys came back as %q", got)
	}
	if r := Commit(t, s, Doc(2, keys...))[0]; len(r.Added) != 0 {
		t.Errorf("known keys were added: %v", r.Added)
	}
	in := Doc(3)
	in.Subject.Name, in.Subject.Owner = "'quoted\" \u202e", "日本語"
	in.Data = []byte{0, 1, 2, 0xff}
	Commit(t, s, in)
	if d := must(s.Lookup(t.Context(), "acme", in.Original))(t); len(d) != 1 || d[0].Subject.Name != in.Subject.Name || d[0].Subject.Owner != in.Subject.Owner {
		t.Errorf("subject came back as %+v", d)
	}
}

func withoutCache(t *testing.T, s store.Store, _ *Dictionary) {
	// d learns nothing: the database is the truth. Many keys, in many chunks.
	var keys []string
	for i := range 1500 {
		keys = append(keys, fmt.Sprintf("key-%04d", i))
	}
	Commit(t, s, Doc(1, keys[:1000]...))
	r := Commit(t, s, Doc(2, keys[500:]...))[0]
	if len(r.Added) != 500 || r.Added[0].ID != 1000 {
		t.Errorf("%d keys were added, from %v", len(r.Added), r.Added[:1])
	}
	if row := DecodeRow(r.Row); len(row) != 1000 || row[0] != 500 || row[999] != 1499 {
		t.Errorf("a row of %d", len(row))
	}
}

func names(t *testing.T, s store.Store, _ *Dictionary) {
	var group []store.Intake
	for i := range 5 {
		in := Doc(i)
		in.Subject.Service, in.Subject.Release = "shop", fmt.Sprint("v", i%2)
		in.Subject.References = []string{"registry.example.test/x:1", "registry.example.test/x:1"}
		group = append(group, in)
	}
	Commit(t, s, group...)
	find := func(kind store.NameKind, name string, after int64, limit int) []uint32 {
		return must(s.Named(t.Context(), "acme", kind, name, after, limit))(t)
	}
	for what, c := range map[string]struct{ got, want []uint32 }{
		"digest":         {find(store.ByDigest, Manifest(3).String(), -1, 9), []uint32{3}},
		"service":        {find(store.ByService, "shop", -1, 9), []uint32{0, 1, 2, 3, 4}},
		"service, paged": {find(store.ByService, "shop", 1, 2), []uint32{2, 3}},
		"release":        {find(store.ByRelease, "v1", -1, 9), []uint32{1, 3}},
		"reference":      {find(store.ByReference, "registry.example.test/x:1", 3, 9), []uint32{4}},
		"name":           {find(store.ByName, "registry.example.test/shop/app-2", -1, 9), []uint32{2}},
		"another kind":   {find(store.ByOwner, "shop", -1, 9), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("by %s: %v, want %v", what, c.got, c.want)
		}
	}
}

func artifacts(t *testing.T, s store.Store, _ *Dictionary) {
	a, b, index, alone := Doc(1), Doc(2), Doc(3), Doc(4)
	config := ident.RoledDigest{Role: ident.RoleConfig, Digest: ident.SHA256([]byte("config"))}
	a.Subject.Digests = append(a.Subject.Digests, config)
	b.Subject.Digests = []ident.RoledDigest{config}
	list := ident.RoledDigest{Role: ident.RoleIndex, Digest: ident.SHA256([]byte("index"))}
	index.Subject.Digests = append(index.Subject.Digests, list)
	alone.Subject.Digests = append(alone.Subject.Digests, list)
	r := Commit(t, s, a, b, index, alone)
	if r[0].Artifact != 0 || r[1].Artifact != 0 || r[2].Artifact != 1 || r[3].Artifact != 2 {
		t.Errorf("artifacts of %+v", r)
	}
	// By name and version, where there is no digest.
	n1, n2, n3, none := Doc(5), Doc(6), Doc(7), Doc(8)
	for _, in := range []*store.Intake{&n1, &n2, &n3, &none} {
		in.Subject = store.Subject{Name: "shop", Version: "1"}
	}
	n3.Subject.Version = "2"
	none.Subject = store.Subject{}
	r = Commit(t, s, n1, n2, n3, none)
	if r[0].Artifact != 3 || r[1].Artifact != 3 || r[2].Artifact != 4 || r[3].Artifact != 5 {
		t.Errorf("artifacts by name of %+v", r)
	}
	if ids := must(s.ArtifactDocuments(t.Context(), 3))(t); !slices.Equal(ids, []uint32{4, 5}) {
		t.Errorf("documents of artifact 3: %v", ids)
	}
	if ids := must(s.ArtifactDocuments(t.Context(), 5, 3, 99, 3))(t); !slices.Equal(ids, []uint32{4, 5, 7}) {
		t.Errorf("documents of artifacts 5 and 3: %v", ids)
	}
	if ids := must(s.ArtifactDocuments(t.Context()))(t); len(ids) != 0 {
		t.Errorf("documents of no artifact: %v", ids)
	}
}

func joins(t *testing.T, s store.Store, _ *Dictionary) {
	Commit(t, s, Doc(1), Doc(2), Doc(3))
	digests := func(ns ...int) (list []ident.RoledDigest) {
		for _, n := range ns {
			list = append(list, ident.RoledDigest{Role: ident.RoleManifest, Digest: Manifest(n)})
		}
		return list
	}
	both := Doc(4)
	both.Subject.Digests = digests(3, 2)
	r := Commit(t, s, both)[0]
	if r.Artifact != 1 || r.Seq != 5 {
		t.Errorf("a document of artifacts 1 and 2: %+v", r)
	}
	// Now 0 and the joined one, through the identity that lost its artifact, and a
	// document of it in the same group.
	more := Doc(5)
	more.Subject.Digests = digests(3, 1)
	late := Doc(6)
	late.Subject.Digests = digests(2, 60)
	if r := Commit(t, s, late, more); r[0].Artifact != 0 || r[1].Artifact != 0 {
		t.Errorf("documents of one artifact by two joins: %+v", r)
	}
	if ids := must(s.ArtifactDocuments(t.Context(), 0))(t); len(ids) != 6 {
		t.Errorf("documents of artifact 0: %v", ids)
	}
	last := Doc(7)
	last.Subject.Digests = digests(60)
	if r := Commit(t, s, last)[0]; r.Artifact != 0 {
		t.Errorf("an identity that was added on the way: %+v", r)
	}
	var joined [][2]uint32
	for _, c := range Changes(t, s, 0) {
		if c.Kind == store.ChangeJoined {
			joined = append(joined, [2]uint32{c.From, c.Artifact})
		}
	}
	if !slices.Equal(joined, [][2]uint32{{2, 1}, {1, 0}}) {
		t.Errorf("joins %v", joined)
	}
}

func tenants(t *testing.T, s store.Store, _ *Dictionary) {
	other := Doc(1)
	other.Tenant = "umbrella"
	r := Commit(t, s, Doc(1), other)
	if r[1].Duplicate || r[0].Artifact == r[1].Artifact {
		t.Errorf("one document of two tenants: %+v", r)
	}
	if d := must(s.Lookup(t.Context(), "umbrella", other.Original))(t); len(d) != 1 || d[0].ID != r[1].Document {
		t.Errorf("Lookup of the other tenant: %+v", d)
	}
	if _, err := s.Original(t.Context(), "third", other.Original); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("a third tenant reads the bytes: %v", err)
	}
	if ids := must(s.Named(t.Context(), "third", store.ByDigest, Manifest(1).String(), -1, 9))(t); len(ids) != 0 {
		t.Errorf("a third tenant finds %v", ids)
	}
}

func quarantine(t *testing.T, s store.Store, _ *Dictionary) {
	bad := Doc(1)
	bad.Rejected = "not JSON at byte 7: \x00\xff"
	bad.Keys = []string{"z", "a"} // not looked at
	r := Commit(t, s, Doc(2, "a"), bad, bad)
	if r[1].Rejected == 0 || r[1].Rejected != r[1].Seq || r[1].Duplicate || !r[2].Duplicate || r[2].Rejected != r[1].Rejected {
		t.Errorf("receipts %+v", r)
	}
	if again := Commit(t, s, bad)[0]; !again.Duplicate || again.Rejected != r[1].Rejected {
		t.Errorf("rejected again: %+v", again)
	}
	list := must(s.Rejected(t.Context(), "acme", 0, 10))(t)
	if len(list) != 1 || list[0].Original != bad.Original || list[0].Reason != "not JSON at byte 7: \uFFFD\uFFFD" || list[0].Data != nil || !list[0].Time.Equal(bad.Time) {
		t.Errorf("quarantine holds %+v", list)
	}
	if one := must(s.RejectedBytes(t.Context(), "acme", r[1].Rejected))(t); !bytes.Equal(one.Data, bad.Data) || one.Media != bad.Media {
		t.Errorf("rejected bytes %+v", one)
	}
	if _, err := s.RejectedBytes(t.Context(), "umbrella", r[1].Rejected); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("another tenant's quarantine: %v", err)
	}
	// A better decoder may take it in later.
	bad.Rejected, bad.Keys = "", []string{"a"}
	if r := Commit(t, s, bad)[0]; r.Duplicate || r.Rejected != 0 {
		t.Errorf("taken in after all: %+v", r)
	}
	if n := must(s.DropRejected(t.Context(), By(9), []uint64{r[1].Rejected, 12345}))(t); n != 1 {
		t.Errorf("dropped %d", n)
	}
	if list := must(s.Rejected(t.Context(), "acme", 0, 10))(t); len(list) != 0 {
		t.Errorf("quarantine still holds %+v", list)
	}
}

func tombstones(t *testing.T, s store.Store, _ *Dictionary) {
	Commit(t, s, Doc(1, "a"), Doc(2, "b"))
	if n := must(s.Delete(t.Context(), By(10), []uint32{0, 0, 77}))(t); n != 1 {
		t.Errorf("deleted %d", n)
	}
	if n := must(s.Delete(t.Context(), By(11), []uint32{0}))(t); n != 0 {
		t.Errorf("deleted again %d", n)
	}
	if d := must(s.Archived(t.Context(), "acme", 0, 9))(t); len(d) != 1 || d[0].ID != 0 || d[0].Deleted != 3 {
		t.Errorf("archived are %+v", d)
	}
	if d, other := must(s.Archived(t.Context(), "acme", 3, 9))(t), must(s.Archived(t.Context(), "other", 0, 9))(t); len(d)+len(other) != 0 {
		t.Errorf("archived after the last are %+v; of another tenant, %+v", d, other)
	}
	c := Changes(t, s, 2)
	if len(c) != 1 || c[0].Kind != store.ChangeDeleted || c[0].Document != 0 {
		t.Errorf("changes %+v", c)
	}
	if d := must(s.Lookup(t.Context(), "acme", Doc(1).Original))(t); len(d) != 0 {
		t.Errorf("a deleted document is found: %+v", d)
	}
	if d := must(s.Documents(t.Context(), []uint32{0}))(t); len(d) != 1 || d[0].Deleted != 3 {
		t.Errorf("its metadata: %+v", d)
	}
	if _, err := s.Original(t.Context(), "acme", Doc(1).Original); err != nil {
		t.Errorf("its bytes: %v", err)
	}
	if r := Commit(t, s, Doc(1, "a"))[0]; r.Duplicate || r.Document != 2 || r.Artifact != 0 {
		t.Errorf("taken in anew: %+v", r)
	}
	if len(must(s.Named(t.Context(), "acme", store.ByDigest, Manifest(1).String(), -1, 9))(t)) != 1 {
		t.Error("the deleted document is found by its digest")
	}
}

func status(t *testing.T, s store.Store, _ *Dictionary) {
	Commit(t, s, Doc(1))
	for range 2 { // the second changes nothing
		if err := s.SetStatus(t.Context(), By(5), 0, store.StatusPublished); err != nil {
			t.Fatal(err)
		}
	}
	if d := must(s.Documents(t.Context(), []uint32{0}))(t); d[0].Status != store.StatusPublished {
		t.Errorf("status %v", d[0].Status)
	}
	if c := Changes(t, s, 1); len(c) != 1 || c[0].Kind != store.ChangeStatus || c[0].Document != 0 {
		t.Errorf("changes %+v", c)
	}
	if err := s.SetStatus(t.Context(), By(5), 9, store.StatusDraft); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("status of nothing: %v", err)
	}
}

func states(t *testing.T, s store.Store, _ *Dictionary) {
	ctx := t.Context()
	run := func(pod, image string) store.State {
		return store.State{Key: pod, Subject: image, Body: []byte(`{"pod":"` + pod + `"}`)}
	}
	assert := func(at int, want int, rows ...store.State) {
		t.Helper()
		if n := must(s.Assert(ctx, By(at), store.StateRuns, "prod", rows))(t); n != want {
			t.Errorf("at %d: %d rows changed, want %d", at, n, want)
		}
	}
	assert(10, 2, run("a", "i1"), run("b", "i1"))
	assert(20, 0, run("b", "i1"), run("a", "i1"))
	assert(30, 4, run("a", "i2"), run("c", "i1")) // a closed and opened, b closed, c opened
	assert(40, 2)
	must(s.Assert(ctx, By(35), store.StateRuns, "stage", []store.State{run("a", "i1")}))(t)
	at := func(q store.StateQuery) (got []string) {
		q.Kind, q.Limit = store.StateRuns, 100
		for _, r := range must(s.States(ctx, q))(t) {
			got = append(got, r.Scope+"/"+r.Key+"="+r.Subject)
		}
		return got
	}
	for _, c := range []struct {
		q    store.StateQuery
		want []string
	}{
		{store.StateQuery{At: By(9).Time}, nil},
		{store.StateQuery{At: By(10).Time}, []string{"prod/a=i1", "prod/b=i1"}},
		{store.StateQuery{At: By(29).Time}, []string{"prod/a=i1", "prod/b=i1"}},
		{store.StateQuery{At: By(30).Time}, []string{"prod/a=i2", "prod/c=i1"}},
		{store.StateQuery{At: By(36).Time, Subject: "i1"}, []string{"prod/c=i1", "stage/a=i1"}},
		{store.StateQuery{At: By(36).Time, Scope: "stage"}, []string{"stage/a=i1"}},
		{store.StateQuery{}, []string{"stage/a=i1"}},
		{store.StateQuery{History: true, Scope: "prod"}, []string{"prod/a=i1", "prod/a=i2", "prod/b=i1", "prod/c=i1"}},
	} {
		if got := at(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
	h := must(s.States(ctx, store.StateQuery{Kind: store.StateRuns, Scope: "prod", History: true, Limit: 1}))(t)[0]
	if !h.From.Equal(By(10).Time) || !h.Until.Equal(By(30).Time) || string(h.Body) != `{"pod":"a"}` {
		t.Errorf("the first interval: %+v", h)
	}
	if _, err := s.Assert(ctx, By(39), store.StateRuns, "prod", nil); ident.KindOf(err) != ident.KindInvalid {
		t.Errorf("history was rewritten: %v", err)
	}
	if _, err := s.Assert(ctx, By(50), store.StateRuns, "", nil); ident.KindOf(err) != ident.KindInvalid {
		t.Errorf("a workload without a cluster: %v", err)
	}
	// Corrected for the same moment: no interval of no length is left behind.
	must(s.Assert(ctx, By(60), store.StateVEX, "doc", []store.State{run("x", "CVE-1"), run("y", "CVE-1")}))(t)
	must(s.Assert(ctx, By(60), store.StateVEX, "doc", []store.State{run("x", "CVE-2")}))(t)
	if v := must(s.States(ctx, store.StateQuery{Kind: store.StateVEX, History: true, Limit: 9}))(t); len(v) != 1 || v[0].Subject != "CVE-2" {
		t.Errorf("after the correction: %+v", v)
	}
	// Who vouches for an image: found by the image, and by time.
	vouched := func(word string) []store.State {
		return []store.State{{Key: "image i1", Subject: "i1", Body: []byte(`{"trust":"` + word + `"}`)}}
	}
	must(s.Assert(ctx, By(70), store.StateTrust, "server/image i1", vouched("verified")))(t)
	must(s.Assert(ctx, By(71), store.StateTrust, "said/shop/ci/image i1", vouched("unsigned")))(t)
	must(s.Assert(ctx, By(80), store.StateTrust, "server/image i1", vouched("invalid")))(t)
	for at, want := range map[int]string{70: `{"trust":"verified"}`, 79: `{"trust":"unsigned"}{"trust":"verified"}`, 80: `{"trust":"unsigned"}{"trust":"invalid"}`} {
		var got []byte
		for _, r := range must(s.States(ctx, store.StateQuery{Kind: store.StateTrust, Subject: "i1", At: By(at).Time, Limit: 9}))(t) {
			got = append(got, r.Body...)
		}
		if string(got) != want {
			t.Errorf("who vouched at %d: %s", at, got)
		}
	}
	kinds := 0
	for _, c := range Changes(t, s, 0) {
		if c.Kind == store.ChangeState && (c.StateKind == store.StateRuns || c.StateKind == store.StateVEX) {
			kinds++
		}
	}
	if kinds != 6 {
		t.Errorf("%d changes of states, want 6", kinds)
	}
}

func statePages(t *testing.T, s store.Store, _ *Dictionary) {
	for round := range 3 {
		for _, scope := range []string{"a", "B", "é"} {
			var rows []store.State
			for i := range 7 {
				rows = append(rows, store.State{Key: fmt.Sprint("k", i), Body: []byte(fmt.Sprint(round, i))})
			}
			must(s.Assert(t.Context(), By(round), store.StateFinding, scope, rows))(t)
		}
	}
	q := store.StateQuery{Kind: store.StateFinding, History: true, Limit: 1000}
	all := must(s.States(t.Context(), q))(t)
	if len(all) != 63 || all[0].Scope != "B" || all[62].Scope != "é" {
		t.Fatalf("%d rows, from %q to %q", len(all), all[0].Scope, all[len(all)-1].Scope)
	}
	var paged []store.State
	for q.Limit = 4; ; {
		page := must(s.States(t.Context(), q))(t)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
		q.After = &paged[len(paged)-1]
	}
	if !reflect.DeepEqual(all, paged) {
		t.Errorf("%d rows by page, %d at once", len(paged), len(all))
	}
}

func journal(t *testing.T, s store.Store, _ *Dictionary) {
	ctx := t.Context()
	skey, vkey, err := note.GenerateKey(strings.NewReader(strings.Repeat("seed", 16)), "journal.example.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	Commit(t, s, Doc(1), Doc(2))
	first := must(s.Checkpoint(ctx, "journal.example.test/1", signer))(t)
	if again := must(s.Checkpoint(ctx, "journal.example.test/1", signer))(t); !bytes.Equal(first, again) {
		t.Error("nothing happened, and there is another checkpoint")
	}
	must(s.Delete(ctx, By(3), []uint32{1}))(t)
	must(s.Assert(ctx, By(4), store.StateRuns, "prod", []store.State{{Key: "a"}}))(t)
	must(s.Checkpoint(ctx, "journal.example.test/1", signer))(t)
	notes := must(s.Checkpoints(ctx, 0, 10))(t)
	if len(notes) != 2 || !bytes.Equal(notes[0], first) {
		t.Fatalf("%d checkpoints", len(notes))
	}
	var checkpoints []evidence.Checkpoint
	for _, n := range notes {
		checkpoints = append(checkpoints, must(evidence.Open(n, "journal.example.test/1", verifier))(t))
	}
	v := evidence.NewVerifier(evidence.Head{}, checkpoints...)
	var actions []string
	for _, b := range must(s.Journal(ctx, 0, 100))(t) {
		r := must(v.Add(b))(t)
		actions = append(actions, r.Action+" "+r.Object)
		if r.Actor != "ci@example.test" || r.Time.Before(Noon) {
			t.Errorf("record %+v", r)
		}
	}
	must(v.Finish())(t)
	if want := []string{"document.add document/0", "document.add document/1", "document.delete document/1", "state.assert runs/prod"}; !slices.Equal(actions, want) {
		t.Errorf("the journal says %q", actions)
	}
	added := must(evidence.Decode(must(s.Journal(ctx, 1, 1))(t)[0]))(t)
	deleted := must(evidence.Decode(must(s.Journal(ctx, 2, 1))(t)[0]))(t)
	if added.Before != "" || added.After == "" || added.After != deleted.Before || deleted.After != "" {
		t.Errorf("digests: added %+v, deleted %+v", added, deleted)
	}
}

func audit(t *testing.T, s store.Store, _ *Dictionary) {
	Commit(t, s, Doc(1, "a"), Doc(2, "b"), Doc(3), Doc(4, "a"))
	must(s.Delete(t.Context(), By(5), []uint32{0, 1}))(t)
	must(s.Purge(t.Context(), By(6), 5))(t)
	if err := s.SetStatus(t.Context(), By(7), 2, store.StatusPublished); err != nil {
		t.Fatal(err)
	}
	p := must(s.Position(t.Context()))(t)
	if r := must(s.Audit(t.Context(), evidence.Checkpoint{Head: p.Journal}))(t); r != (store.AuditReport{Records: 8, Documents: 3, Purged: 1, Head: p.Journal}) {
		t.Errorf("audit %+v", r)
	}
	forged := evidence.Checkpoint{Head: p.Journal}
	forged.Head.Hash[0] ^= 1
	var broken *evidence.Broken
	if _, err := s.Audit(t.Context(), forged); !errors.As(err, &broken) {
		t.Errorf("against another checkpoint: %v", err)
	}
}

func refusals(t *testing.T, s store.Store, _ *Dictionary) {
	for what, spoil := range map[string]func(*store.Intake){
		"unsorted keys":  func(in *store.Intake) { in.Keys = []string{"b", "a"} },
		"keys twice":     func(in *store.Intake) { in.Keys = []string{"a", "a"} },
		"an empty key":   func(in *store.Intake) { in.Keys = []string{""} },
		"no such number": func(in *store.Intake) { in.IDs = []uint32{0} },
		"a long key":     func(in *store.Intake) { in.Keys = []string{strings.Repeat("k", store.MaxKey+1)} },
		"NUL in text":    func(in *store.Intake) { in.Subject.Name = "a\x00b" },
		"not UTF-8":      func(in *store.Intake) { in.Subject.References = []string{"\xff"} },
		"no actor":       func(in *store.Intake) { in.Actor = "" },
		"no time":        func(in *store.Intake) { in.Time = time.Time{} },
		"no digest":      func(in *store.Intake) { in.Original = ident.Digest{} },
		"a status":       func(in *store.Intake) { in.Status = 9 },
	} {
		in := Doc(2, "x")
		spoil(&in)
		_, err := s.Commit(t.Context(), []store.Intake{Doc(1, "a"), in})
		if k := ident.KindOf(err); k != ident.KindInvalid && k != ident.KindLimit && k != ident.KindUsage {
			t.Errorf("%s: %v (kind %d)", what, err, k)
		}
		if errors.Is(err, store.ErrRetryLater) || errors.Is(err, store.ErrUnknownOutcome) {
			t.Errorf("%s: %v would be tried again", what, err)
		}
	}
	if p := must(s.Position(t.Context()))(t); p.Seq != 0 || p.Components != 0 {
		t.Errorf("a refused group left %+v", p)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Commit(gone, []store.Intake{Doc(1)}); err == nil {
		t.Error("a cancelled commit was acknowledged")
	}
}

func largeGroup(t *testing.T, s store.Store, d *Dictionary) {
	var group []store.Intake
	for i := range 600 { // more than the largest chunk
		in := Doc(i, "common", fmt.Sprint("own-", i))
		if i%10 == 9 {
			in.Rejected = "for the test"
		}
		group = append(group, in)
	}
	r := Commit(t, s, group...)
	for i := range r {
		if r[i].Seq != uint64(i+1) {
			t.Fatalf("receipt %d has sequence %d", i, r[i].Seq)
		}
		d.Learn(r[i].Added)
	}
	if !slices.Equal(Entries(t, s)[:3], []store.Entry{{ID: 0, Key: "common"}, {ID: 1, Key: "own-0"}, {ID: 2, Key: "own-1"}}) {
		t.Error("the dictionary is not in commit order")
	}
	if _, err := s.Commit(t.Context(), make([]store.Intake, store.MaxGroup+1)); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("too large a group: %v", err)
	}
}

func closed(t *testing.T, s store.Store, _ *Dictionary) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), []store.Intake{Doc(1)}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed store took a document: %v", err)
	}
	if _, err := s.Position(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed store answered: %v", err)
	}
}
