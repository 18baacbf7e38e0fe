package layout_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/module"
	"github.com/cofferdam-io/cofferdam/provenance/layout"
)

var at = time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)

// read reads a file of in-toto's own demonstration.
func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(module.Dir(t, "github.com/in-toto/in-toto-golang"), "test", "data", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func owner(t testing.TB, name string) *layout.Key {
	t.Helper()
	k, err := layout.ParseKey(name, read(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func refusal(err error) layout.Reason {
	var r *layout.Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

// TestDemo judges what in-toto itself wrote and signed: its demonstration as metadata and
// in an envelope, and a layout within a layout.
func TestDemo(t *testing.T) {
	links := []layout.Document{{Path: "write-code.b7d643de.link", Raw: read(t, "write-code.b7d643de.link")}, {Path: "package.d3ffd108.link", Raw: read(t, "package.d3ffd108.link")}}
	inside := []layout.Document{{Path: "sub_layout.70ca5750.link", Raw: read(t, "sub_layout.70ca5750.link")}}
	for _, l := range links {
		inside = append(inside, layout.Document{Path: "sub_layout.70ca5750/" + l.Path, Raw: l.Raw})
	}
	made := ident.SHA256(read(t, "foo.tar.gz"))
	in := func(name string, at time.Time, links []layout.Document) layout.Input {
		return layout.Input{Layout: read(t, name), Owners: []*layout.Key{owner(t, "alice.pub")}, Links: links, At: at, Products: layout.Artifacts{"foo.tar.gz": {"sha256": made.Hex()}}}
	}
	// A layout of our own, whose one step in-toto's layout stands for.
	own := newHand(0)
	alice := &hand{id: "70ca5750c2eda80b18f41f4ec5f92146789b5d68dd09577be422a0159bd13680"}
	super := laid([]any{step("sub_layout", 1, rules(), rules("ALLOW foo.tar.gz", "DISALLOW *"), alice)})
	super["expires"] = "2035-01-01T00:00:00Z"
	super["keys"] = object{alice.id: object{"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": object{"public": string(read(t, "alice.pub"))}}}
	within := func(at time.Time, links []layout.Document) layout.Input {
		i := in("demo.layout", at, links)
		i.Layout, i.Owners = own.metadata(t, super), []*layout.Key{own.key(t)}
		return i
	}
	for name, c := range map[string]struct {
		in    layout.Input
		want  layout.Reason
		steps int
	}{
		"metadata":            {in("demo.layout", at, links), "", 2},
		"in an envelope":      {in("demo.dsse.layout", at, links), "", 2},
		"within a layout":     {within(at, inside), "", 1},
		"… that has ended":    {within(at.AddDate(5, 0, 0), inside), layout.Expired, 0},
		"… without its links": {within(at, inside[:1]), layout.Threshold, 0},
		"a link is missing":   {in("demo.layout", at, links[:1]), layout.Threshold, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := layout.Verify(context.Background(), c.in)
			if refusal(err) != c.want || (err == nil) != (c.want == "") {
				t.Fatalf("%v; want %q", err, c.want)
			}
			if err != nil {
				return
			}
			if len(r.Steps) != c.steps || len(r.Inspections) != 1 || !strings.Contains(r.Inspections[0], "untar: tar xfz foo.tar.gz") || r.Steps[0].Layout != (c.steps == 1) {
				t.Errorf("%+v", r)
			}
		})
	}
	other := in("demo.layout", at, links)
	other.Owners = []*layout.Key{owner(t, "carol.pub")}
	if _, err := layout.Verify(context.Background(), other); refusal(err) != layout.NotSigned {
		t.Errorf("of another owner: %v", err)
	}
	other = in("demo.layout", at, links)
	other.Owners = append(other.Owners, owner(t, "carol.pub"))
	if _, err := layout.Verify(context.Background(), other); refusal(err) != layout.NotSigned {
		t.Errorf("signed by one of two owners: %v", err)
	}
	other = in("demo.layout", at, links)
	other.Layout = []byte(strings.Replace(string(other.Layout), `"threshold": 1`, `"threshold": 2`, 1))
	if _, err := layout.Verify(context.Background(), other); refusal(err) != layout.NotSigned {
		t.Errorf("a layout that was changed: %v", err)
	}
	other = in("demo.layout", at, links)
	other.Products = layout.Artifacts{"foo.tar.gz": {"sha256": strings.Repeat("0", 64)}}
	if _, err := layout.Verify(context.Background(), other); refusal(err) != layout.NotMade {
		t.Errorf("another product: %v", err)
	}
	if _, err := layout.Verify(context.Background(), layout.Input{Layout: read(t, "demo.layout"), Links: links, At: at}); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("nobody's: %v", err)
	}
}

type object = map[string]any

// hand is somebody who signs.
type hand struct {
	private ed25519.PrivateKey
	id      string
}

func newHand(seed byte) *hand {
	k := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), 32)))
	return &hand{k, fmt.Sprintf("%064x", seed+1)}
}

func (h *hand) public() object {
	return object{"keytype": "ed25519", "scheme": "ed25519", "keyval": object{"public": hex.EncodeToString(h.private.Public().(ed25519.PublicKey))}} //nolint:forcetypeassert // it is one
}

func (h *hand) key(t testing.TB) *layout.Key {
	t.Helper()
	raw, err := json.Marshal(h.public())
	if err != nil {
		t.Fatal(err)
	}
	k, err := layout.ParseKey("owner", raw)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// metadata signs as in-toto does.
func (h *hand) metadata(t testing.TB, body any) []byte {
	t.Helper()
	message, err := cjson.EncodeCanonical(body)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(object{"signed": body, "signatures": []any{object{"keyid": h.id, "sig": hex.EncodeToString(ed25519.Sign(h.private, message))}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// envelope signs by DSSE.
func (h *hand) envelope(t testing.TB, body any) []byte {
	t.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	const kind = "application/vnd.in-toto+json"
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload)
	raw, err := json.Marshal(object{"payloadType": kind, "payload": base64.StdEncoding.EncodeToString(payload),
		"signatures": []any{object{"keyid": h.id, "sig": base64.StdEncoding.EncodeToString(ed25519.Sign(h.private, []byte(pae)))}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func files(pairs ...string) object {
	out := object{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = object{"sha256": ident.SHA256([]byte(pairs[i+1])).Hex()}
	}
	return out
}

func link(step string, materials, products object) object {
	return object{"_type": "link", "name": step, "command": []any{}, "materials": materials, "products": products, "byproducts": object{"return-value": 0}, "environment": object{}}
}

func rules(lines ...string) []any {
	out := []any{}
	for _, l := range lines {
		var words []any
		for _, w := range strings.Fields(l) {
			words = append(words, w)
		}
		out = append(out, words)
	}
	return out
}

func step(name string, threshold int, materials, products []any, by ...*hand) object {
	ids := []any{}
	for _, h := range by {
		ids = append(ids, h.id)
	}
	return object{"_type": "step", "name": name, "threshold": threshold, "pubkeys": ids, "expected_materials": materials, "expected_products": products, "expected_command": []any{}}
}

func laid(steps []any, by ...*hand) object {
	keys := object{}
	for _, h := range by {
		keys[h.id] = h.public()
	}
	return object{"_type": "layout", "expires": "2027-01-01T00:00:00Z", "readme": "", "keys": keys, "steps": steps, "inspect": []any{}}
}

// TestVerify: two steps, the second by two of three, and everything that can go wrong.
func TestVerify(t *testing.T) {
	own, ann, ben, cem, eve := newHand(0), newHand(1), newHand(2), newHand(3), newHand(4)
	code := step("code", 1, rules(), rules("CREATE src/*", "DISALLOW *"), ann)
	build := step("build", 2, rules("MATCH * IN src WITH PRODUCTS IN src FROM code", "DISALLOW *"), rules("CREATE app", "ALLOW src/*", "REQUIRE app"), ann, ben, cem)
	// REQUIRE comes after CREATE took it: as written the file is gone by then.
	build["expected_products"] = rules("REQUIRE app", "CREATE app", "ALLOW src/*", "DISALLOW *")
	whole := laid([]any{code, build}, ann, ben, cem)
	src, app := files("src/a.go", "a", "src/b.go", "b"), files("app", "app", "src/a.go", "a", "src/b.go", "b")
	good := func() map[string][]byte {
		return map[string][]byte{
			"code." + ann.id[:8] + ".link":  ann.metadata(t, link("code", object{}, src)),
			"build." + ann.id[:8] + ".link": ann.metadata(t, link("build", src, app)),
			"build." + ben.id[:9] + ".link": ben.envelope(t, object{"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://in-toto.io/attestation/link/v0.3",
				"subject":   []any{object{"name": "app", "digest": app["app"]}, object{"name": "src/a.go", "digest": app["src/a.go"]}, object{"name": "./src/b.go", "digest": app["src/b.go"]}},
				"predicate": object{"name": "build", "materials": []any{object{"name": "src/a.go", "digest": src["src/a.go"]}, object{"uri": "src/b.go", "digest": src["src/b.go"]}}}}),
		}
	}
	const annBuild, benBuild = "build.00000000.link", "build.000000000.link"
	for name, c := range map[string]struct {
		layout []byte
		change func(links map[string][]byte)
		at     time.Time
		want   layout.Reason
		says   string
	}{
		"kept":                {nil, nil, at, "", ""},
		"in an envelope":      {own.envelope(t, whole), nil, at, "", ""},
		"of somebody else":    {eve.metadata(t, whole), nil, at, layout.NotSigned, "not signed"},
		"ended":               {nil, nil, at.AddDate(1, 0, 0), layout.Expired, "2027-01-01"},
		"ends this second":    {nil, nil, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), layout.Expired, ""},
		"one of two":          {nil, func(l map[string][]byte) { delete(l, benBuild) }, at, layout.Threshold, "1 of those who may"},
		"the same hand twice": {nil, func(l map[string][]byte) { l[benBuild] = ann.envelope(t, link("build", src, app)) }, at, layout.Threshold, "1 of"},
		"a stranger":          {nil, func(l map[string][]byte) { l[benBuild] = eve.metadata(t, link("build", src, app)) }, at, layout.Threshold, ""},
		"a link that was changed": {nil, func(l map[string][]byte) {
			l[annBuild] = []byte(strings.Replace(string(l[annBuild]), `"byproducts":{"return-value":0}`, `"byproducts":{"return-value":1}`, 1))
		}, at, layout.Threshold, ""},
		"they differ": {nil, func(l map[string][]byte) { l[benBuild] = ben.metadata(t, link("build", src, files("app", "other"))) }, at, layout.Disagree, "differ"},
		"one says two": {nil, func(l map[string][]byte) {
			l["build.x.link"] = ann.metadata(t, link("build", src, files("app", "old")))
		}, at, layout.Disagree, "same key"},
		"of another step": {nil, func(l map[string][]byte) { l[annBuild] = ann.metadata(t, link("code", object{}, src)) }, at, layout.Threshold, ""},
		"changed between": {nil, func(l map[string][]byte) {
			l["code."+ann.id[:8]+".link"] = ann.metadata(t, link("code", object{}, files("src/a.go", "x", "src/b.go", "b")))
		}, at, layout.RuleBroken, "src/a.go"},
		"something more": {nil, func(l map[string][]byte) {
			l["code."+ann.id[:8]+".link"] = ann.metadata(t, link("code", object{}, files("src/a.go", "a", "src/b.go", "b", "backdoor", "z")))
		}, at, layout.RuleBroken, "backdoor"},
		"no JSON":            {[]byte("{"), nil, at, layout.Malformed, ""},
		"a name twice":       {[]byte(`{"signed":{},"signed":{},"signatures":[]}`), nil, at, layout.Malformed, "twice"},
		"a link as layout":   {own.metadata(t, link("a", object{}, object{})), nil, at, layout.Malformed, "no layout"},
		"without steps":      {own.metadata(t, laid([]any{}, ann)), nil, at, layout.Malformed, "no step"},
		"a step twice":       {own.metadata(t, laid([]any{code, code}, ann)), nil, at, layout.Malformed, "that of another"},
		"threshold of 0":     {own.metadata(t, laid([]any{step("code", 0, rules(), rules(), ann)}, ann)), nil, at, layout.Malformed, "threshold"},
		"nobody may":         {own.metadata(t, laid([]any{step("code", 1, rules(), rules())}, ann)), nil, at, layout.Malformed, "names no key"},
		"an unknown rule":    {own.metadata(t, laid([]any{step("code", 1, rules("PERMIT *"), rules(), ann)}, ann)), nil, at, layout.Malformed, "no artifact rule"},
		"matched with none":  {own.metadata(t, laid([]any{step("code", 1, rules("MATCH * WITH PRODUCTS FROM nowhere"), rules(), ann)}, ann)), nil, at, layout.Malformed, "does not have"},
		"no key of the step": {own.metadata(t, laid([]any{code}, ben)), nil, at, layout.Threshold, "0 of"},
		"two names, one key": {own.metadata(t, func() object {
			l := laid([]any{step("build", 2, rules(), rules(), ann, ben)}, ann)
			l["keys"].(object)[ben.id] = ann.public() //nolint:forcetypeassert // made above
			return l
		}()), nil, at, layout.Threshold, "1 of"},
	} {
		t.Run(name, func(t *testing.T) {
			links, raw := good(), c.layout
			if c.change != nil {
				c.change(links)
			}
			if raw == nil {
				raw = own.metadata(t, whole)
			}
			in := layout.Input{Layout: raw, Owners: []*layout.Key{own.key(t)}, At: c.at}
			for p, b := range links {
				in.Links = append(in.Links, layout.Document{Path: p, Raw: b})
			}
			r, err := layout.Verify(context.Background(), in)
			if refusal(err) != c.want || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v (%s); want %q, %q", err, refusal(err), c.want, c.says)
			}
			if err == nil && (len(r.Steps) != 2 || len(r.Steps[1].By) != 2 || r.Steps[1].Products != 3) {
				t.Errorf("%+v", r)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := layout.Verify(ctx, layout.Input{Layout: own.metadata(t, whole), Owners: []*layout.Key{own.key(t)}, At: at}); !errors.Is(err, context.Canceled) {
		t.Errorf("went on though nobody waits: %v", err)
	}
}

// TestDepth: layouts that stand for steps of layouts have an end.
func TestDepth(t *testing.T) {
	own := newHand(0)
	self := own.metadata(t, laid([]any{step("s", 1, rules(), rules(), own)}, own))
	in := layout.Input{Layout: self, Owners: []*layout.Key{own.key(t)}, At: at}
	p := ""
	for range 20 {
		in.Links = append(in.Links, layout.Document{Path: p + "s.k.link", Raw: self})
		p += "s.k/"
	}
	if _, err := layout.Verify(context.Background(), in); refusal(err) != layout.Malformed || !strings.Contains(err.Error(), "deep") {
		t.Errorf("%v", err)
	}
}

func TestParseKey(t *testing.T) {
	for name, raw := range map[string]string{
		"nothing":          "",
		"private":          "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"no key":           "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"gpg":              `{"keytype":"rsa","scheme":"gpg","keyval":{"public":""}}`,
		"short":            `{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"00"}}`,
		"algorithm it has": `{"keytype":"ed25519","scheme":"rsassa-pss-sha256","keyval":{"public":"` + strings.Repeat("0", 64) + `"}}`,
	} {
		if k, err := layout.ParseKey(name, []byte(raw)); err == nil {
			t.Errorf("%s: %v", name, k.ID)
		}
	}
}

func FuzzVerify(f *testing.F) {
	own := newHand(0)
	for _, n := range []string{"demo.layout", "demo.dsse.layout", "sub_layout.70ca5750.link", "package.d3ffd108.link"} {
		f.Add(read(f, n), read(f, "write-code.b7d643de.link"))
	}
	f.Add(own.metadata(f, laid([]any{step("s", 1, rules("MATCH * WITH PRODUCTS FROM s"), rules("REQUIRE a"), own)}, own)), own.metadata(f, link("s", files("a", "b"), files("a", "c"))))
	keys := []*layout.Key{own.key(f)}
	f.Fuzz(func(t *testing.T, raw, l []byte) {
		r, err := layout.Verify(context.Background(), layout.Input{Layout: raw, Owners: keys, At: at, Links: []layout.Document{{Path: "s.k.link", Raw: l}}})
		if (r == nil) == (err == nil) {
			t.Fatalf("%v %v", r, err)
		}
	})
}
