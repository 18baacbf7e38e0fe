package swid_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/swid"
)

type (
	m = map[any]any
	l = []any
)

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// ledger is what the constant tag says, by the indices of RFC 9393, 6.1.
func ledger() m {
	return m{
		0: "example.com+Ledger-4.2.1", 1: "Ledger", 12: 3, 13: "4.2.1", 14: 1, 15: "en",
		2: l{m{31: "Example Corp", 32: "example.com", 33: l{1, 2}}, m{31: "Reseller", 32: "http://invalid.unavailable", 33: 4}},
		3: m{35: cbor.Tag{Number: 1, Content: 1767323045}, 36: "host", 17: m{24: "ledger", 20: 10}},
		4: l{m{38: "swid:example.com+Core-1.0", 40: 2}, m{38: "swid:example.com+Runtime-8", 40: 8}, m{38: "swid:example.com+Ledger-4.2.1", 40: 8},
			m{38: "https://example.com/else", 40: 8}, m{38: "https://example.com/licence", 40: "license"}},
		"private": 1, -5: "private", 4_294_967_295: l{1, 2},
	}
}

func signed(payload any) l { return l{[]byte("\xa1\x01\x26"), m{}, payload, []byte("signature")} }

func coswid(v any) cbor.Tag { return cbor.Tag{Number: 0x53574944, Content: v} }

// TestOneTagInTwoEncodings: XML and CBOR of one tag are one document, however it is wrapped.
func TestOneTagInTwoEncodings(t *testing.T) {
	for _, details := range []bool{true, false} {
		want, err := swid.Decode(context.Background(), []byte(tag), sbom.Limits{Details: details})
		if err != nil {
			t.Fatal(err)
		}
		plain := encoded(t, ledger())
		several := signed(plain)
		several[3] = l{signed(nil)[:2], signed(nil)[:2]}
		for name, c := range map[string]struct {
			raw    []byte
			signed bool
		}{
			"alone":                           {plain, false},
			"tagged":                          {encoded(t, coswid(ledger())), false},
			"self-described":                  {encoded(t, cbor.Tag{Number: 55799, Content: coswid(ledger())}), false},
			"signed":                          {encoded(t, cbor.Tag{Number: 18, Content: signed(plain)}), true},
			"signed, tagged":                  {encoded(t, coswid(cbor.Tag{Number: 18, Content: signed(plain)})), true},
			"signed, tagged within":           {encoded(t, cbor.Tag{Number: 18, Content: signed(encoded(t, coswid(ledger())))}), true},
			"signed, tagged twice":            {encoded(t, coswid(cbor.Tag{Number: 18, Content: signed(encoded(t, coswid(ledger())))})), true},
			"signed, the envelope not tagged": {encoded(t, signed(plain)), true},
			"signed by several":               {encoded(t, coswid(cbor.Tag{Number: 98, Content: several})), true},
		} {
			docs, err := decode.Bytes(context.Background(), "", c.raw, decode.Limits{Details: details})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got := docs[0]
			if got.Encoding != sbom.CBOR || got.SpecVersion != "rfc9393" || got.Digest != ident.SHA256(c.raw) || got.Size != int64(len(c.raw)) {
				t.Errorf("%s: %s %s, %d bytes", name, got.SpecVersion, got.Encoding, got.Size)
			}
			if details && got.Details.Signed != c.signed {
				t.Errorf("%s: signed is %v", name, got.Details.Signed)
			}
			got.Encoding, got.SpecVersion, got.Digest, got.Size = want.Encoding, want.SpecVersion, want.Digest, want.Size
			if details {
				got.Details.Signed = want.Details.Signed
			}
			for i := range got.Components {
				got.Components[i].Pointer = strings.ReplaceAll(strings.ReplaceAll(got.Components[i].Pointer, "/concise-swid-tag", "/SoftwareIdentity"), "/link", "/Link")
			}
			for i := range got.Warnings {
				got.Warnings[i].Pointer = want.Warnings[0].Pointer
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(ident.Digest{})); diff != "" {
				t.Errorf("%s: XML is -, CBOR is +\n%s", name, diff)
			}
		}
	}
}

// TestConciseBytes reads a tag that was put together by hand from RFC 9393 and RFC 8949: its
// identifier is a UUID in bytes, and its map and its text are of no stated length.
func TestConciseBytes(t *testing.T) {
	raw, err := hex.DecodeString("da53574944" + "bf" +
		"00" + "50" + "2df9de350aff4a86ace6f7dddd1ade4c" + // tag-id
		"0c" + "00" + // tag-version
		"01" + "7f" + "63" + "466f6f" + "63" + "426172" + "ff" + // software-name
		"0d" + "63" + "312e30" + // software-version
		"02" + "a2" + "181f" + "61" + "41" + "1821" + "01" + // entity
		"04" + "a2" + "1826" + "7829" + hex.EncodeToString([]byte("swid:2df9de35-0aff-4a86-ace6-f7dddd1ade4c")) + "1828" + "08" + // link
		"06" + "a1" + "11" + "a1" + "1818" + "61" + "66" + // payload
		"ff")
	if err != nil {
		t.Fatal(err)
	}
	d, err := swid.DecodeConcise(context.Background(), raw, sbom.Limits{Details: true})
	if err != nil {
		t.Fatal(err)
	}
	if d.Serial != "2df9de35-0aff-4a86-ace6-f7dddd1ade4c" || d.Subject.Name != "FooBar" || d.Subject.Version != "1.0" || fmt.Sprint(d.Authors) != "[A]" || len(d.Warnings) > 0 {
		t.Errorf("%+v", d)
	}
	if len(d.Components) != 1 || len(d.Dependencies) > 0 {
		t.Errorf("a link to the tag's own identifier in text is no other component: %+v", d.Components)
	}
}

func TestConciseWarns(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m)
		says   string
	}{
		"a patch":                 {func(t m) { t[9] = true }, "it is a patch tag"},
		"a corpus":                {func(t m) { t[8] = true }, "it is a corpus tag"},
		"supplemental":            {func(t m) { t[11] = true }, "it is a supplemental tag"},
		"no version":              {func(t m) { delete(t, 13) }, "no software-version"},
		"no creator":              {func(t m) { t[2] = m{31: "A", 33: 2} }, "no entity is its tag creator"},
		"no entity":               {func(t m) { delete(t, 2) }, "no entity is its tag creator"},
		"a creator by its name":   {func(t m) { t[2] = m{31: "A", 33: "tagCreator"} }, ""},
		"roles of nobody":         {func(t m) { t[2] = m{31: "A", 33: l{1, 200, -3, "x_else"}} }, ""},
		"a version below nothing": {func(t m) { t[12] = -1 }, "tag-version is no number"},
		"a version of words":      {func(t m) { t[12] = "two" }, "tag-version is no number"},
		"a date of words":         {func(t m) { t[3] = m{35: "soon"} }, "date of its evidence"},
		"no date":                 {func(t m) { t[3] = m{35: nil} }, "date of its evidence"},
		"a date beyond all years": {func(t m) { t[3] = m{35: cbor.Tag{Number: 1, Content: int64(1) << 60}} }, "date of its evidence"},
		"a path in XML":           {func(t m) { t[4] = m{38: "swidpath://SoftwareIdentity", 40: 2} }, "leads to no tag identifier"},
		"a relation of nobody":    {func(t m) { t[4] = m{38: "swid:x", 40: 40_000} }, ""},
	} {
		tag := m{0: "id", 1: "name", 2: m{31: "A", 33: 1}, 12: 0, 13: "1"}
		c.change(tag)
		d, err := swid.DecodeConcise(context.Background(), encoded(t, tag), sbom.Limits{Details: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.says == "" && len(d.Warnings) > 0 || c.says != "" && !strings.Contains(fmt.Sprint(d.Warnings), c.says) {
			t.Errorf("%s: %+v", name, d.Warnings)
		}
		if !d.Created.IsZero() || d.Details.Timestamp != "" || len(d.Components) != 1 {
			t.Errorf("%s: created %v, %d components", name, d.Created, len(d.Components))
		}
	}
}

func TestConciseRefused(t *testing.T) {
	good := encoded(t, coswid(m{0: "id", 1: "name"}))
	with := func(items m) []byte {
		all := m{0: "id", 1: "name", 13: "1"}
		for k, v := range items {
			all[k] = v
		}
		return encoded(t, coswid(all))
	}
	deep := func(n int) cbor.RawMessage {
		return append([]byte(strings.Repeat("\x81", n)), 0)
	}
	links := make(l, 10_001)
	for i := range links {
		links[i] = m{38: fmt.Sprintf("swid:%d", i), 40: 2}
	}
	many := m{}
	for i := range 10_001 {
		many[i+100] = i
	}
	wrapped := any(m{0: "id", 1: "name"})
	for range 9 {
		wrapped = coswid(wrapped)
	}
	for name, c := range map[string]struct {
		raw  []byte
		kind ident.Kind
		says string
	}{
		"cut off":                 {good[:len(good)-2], ident.KindInvalid, "the CBOR is not read"},
		"the mark alone":          {good[:5], ident.KindInvalid, "the CBOR is not read"},
		"something behind it":     {append(append([]byte{}, good...), 0), ident.KindInvalid, "the CBOR is not read"},
		"no map":                  {encoded(t, coswid("x")), ident.KindInvalid, "is no map"},
		"no identifier":           {encoded(t, coswid(m{1: "name"})), ident.KindInvalid, "no tag-id"},
		"an empty identifier":     {with(m{0: ""}), ident.KindInvalid, "no tag-id"},
		"no name":                 {encoded(t, coswid(m{0: "id"})), ident.KindInvalid, "no software-name"},
		"names instead of labels": {encoded(t, coswid(m{"tag-id": "id", "software-name": "name"})), ident.KindInvalid, "no software-name"},
		"a UUID cut off":          {with(m{0: []byte("fifteen bytes..")}), ident.KindInvalid, "has 15 bytes"},
		"a number for a name":     {with(m{1: 5}), ident.KindInvalid, "software-name is no text"},
		"nothing for a name":      {with(m{1: nil}), ident.KindInvalid, "software-name is no text"},
		"a name not UTF-8":        {with(m{1: cbor.RawMessage("\x62\xff\xfe")}), ident.KindInvalid, "UTF-8"},
		"a patch of words":        {with(m{9: "yes"}), ident.KindInvalid, "patch is neither true nor false"},
		"a patch of nothing":      {with(m{9: nil}), ident.KindInvalid, "patch is neither true nor false"},
		"an item twice":           {[]byte("\xdaSWID\xa3\x00\x61a\x00\x61b\x01\x61n"), ident.KindInvalid, "duplicate map key"},
		"called by an array":      {[]byte("\xdaSWID\xa3\x00\x61a\x01\x61n\x80\x00"), ident.KindInvalid, "neither a number nor text"},
		"an entity that is text":  {with(m{2: "Example"}), ident.KindInvalid, "is no map"},
		"a role that is a map":    {with(m{2: m{31: "A", 33: m{}}}), ident.KindInvalid, "role is neither a number nor a name"},
		"a role beyond numbers":   {with(m{2: m{31: "A", 33: uint64(1) << 63}}), ident.KindInvalid, "/entity/0/role"},
		"a link to nowhere":       {with(m{4: l{m{38: "swid:a", 40: 2}, m{38: "swid:b"}}}), ident.KindInvalid, "/concise-swid-tag/link/1"},
		"two relations":           {with(m{4: m{38: "swid:a", 40: l{2, 8}}}), ident.KindInvalid, "is not one relation"},
		"evidence that is text":   {with(m{3: "seen"}), ident.KindInvalid, "/concise-swid-tag/evidence"},
		"links":                   {with(m{4: links}), ident.KindLimit, "more than 10000 other tags"},
		"items":                   {with(many), ident.KindLimit, "10000"},
		"depth":                   {with(m{6: deep(2000)}), ident.KindLimit, "1024"},
		"wrappers":                {encoded(t, wrapped), ident.KindLimit, "more than 8 tags"},
		"another tag":             {encoded(t, coswid(cbor.Tag{Number: 501, Content: m{}})), ident.KindInvalid, "CBOR tag 501"},
		"no envelope":             {encoded(t, coswid(l{1, 2, 3, 4})), ident.KindInvalid, "no COSE envelope"},
		"an empty envelope":       {encoded(t, coswid(signed([]byte{}))), ident.KindInvalid, "the tag is empty"},
		"content elsewhere":       {encoded(t, coswid(signed(nil))), ident.KindUnsupported, "without its content"},
		"content of words":        {encoded(t, coswid(signed("x"))), ident.KindInvalid, "no byte string"},
	} {
		for way, read := range map[string]func() error{
			"by name": func() error {
				_, err := swid.DecodeConcise(context.Background(), c.raw, sbom.Limits{})
				return err
			},
			"by content": func() error {
				_, err := decode.Bytes(context.Background(), "x", c.raw, decode.Limits{})
				return err
			},
		} {
			if err := read(); ident.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%s, %s: %v", name, way, err)
			}
		}
	}
	if _, err := swid.DecodeConcise(context.Background(), good, sbom.Limits{MaxBytes: 5}); ident.KindOf(err) != ident.KindLimit {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := swid.DecodeConcise(ctx, good, sbom.Limits{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestNotConcise: other CBOR, and text, is nothing of ours, and is told so.
func TestNotConcise(t *testing.T) {
	for name, raw := range map[string][]byte{
		"a map of names":      encoded(t, m{"tag-id": "x", "software-name": "y"}),
		"a map of other":      encoded(t, m{0: "x", 2: "y"}),
		"an empty map":        {0xa0},
		"an array":            encoded(t, l{1, 2}),
		"an envelope of else": encoded(t, cbor.Tag{Number: 18, Content: signed([]byte("hello"))}),
		"a token":             encoded(t, cbor.Tag{Number: 61, Content: m{1: "issuer"}}),
		"bytes":               {0xbf, 0xff, 0x00},
		"letters":             []byte("ҢӒ٢"),
		"nothing":             {},
	} {
		if swid.IsConcise(raw) {
			t.Errorf("%s is no tag", name)
		}
		if _, err := decode.Bytes(context.Background(), "x", raw, decode.Limits{}); len(raw) > 0 && ident.KindOf(err) != ident.KindUnsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeConcise(f *testing.F) {
	f.Add(encoded(f, ledger()))
	f.Add(encoded(f, coswid(cbor.Tag{Number: 18, Content: signed(encoded(f, ledger()))})))
	f.Add(encoded(f, m{0: []byte("sixteen bytes ok"), 1: "n", 2: m{33: l{1, "x"}}, 4: m{38: "swid:", 40: 2}, 9: true}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := swid.DecodeConcise(context.Background(), raw, sbom.Limits{Details: true, MaxBytes: 1 << 20})
		if err != nil {
			if ident.KindOf(err) == ident.KindFailure {
				t.Errorf("%v", err)
			}
			swid.IsConcise(raw)
			return
		}
		if !swid.IsConcise(raw) {
			t.Error("read, and not known by its content")
		}
		checkTag(t, d)
	})
}

// checkTag is what holds of every tag that was read.
func checkTag(t *testing.T, d *sbom.Document) {
	t.Helper()
	for _, e := range d.Dependencies {
		if e.From != 0 || e.To <= 0 || int(e.To) >= len(d.Components) {
			t.Errorf("%+v of %d", e, len(d.Components))
		}
	}
	if d.Components[0].Name == "" || d.Components[0].Details.SWIDs[0].TagID == "" {
		t.Error("a tag without its name or identifier")
	}
	quality.Score(d, quality.Options{})
}
