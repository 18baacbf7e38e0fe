package provenance_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/provenance"
)

func TestContentDigest(t *testing.T) {
	const a = `{"b":[1.0,2e1,"<\u00e4>"],"a":{"y":null,"x":true}}`
	for other, same := range map[string]bool{
		"{ \"a\": {\"x\":true,\n\"y\":null},\t\"b\":[1,20,\"\\u003cä>\"]}":      true,
		`{"b":[1.0,2e1,"<\u00e4>"],"a":{"y":null,"x":false}}`:                   false,
		`{"b":[2e1,1.0,"<\u00e4>"],"a":{"y":null,"x":true}}`:                    false,
		`{"b":[1.0,2e1,"<\u00e4>"],"a":{"y":null,"x":true},"c":null}`:           false,
		`{"b":["1.0",2e1,"<\u00e4>"],"a":{"y":null,"x":true}}`:                  false,
		`{"b":[1.0,2e1,"<\u00e4>"],"a":{"y":null,"x":true}}` + " \n":            true,
		`{"b":[1.00000000000000000000000000001,2e1,"<\u00e4>"],"a":{"y":null}}`: false,
	} {
		want, err := provenance.ContentDigest([]byte(a))
		got, otherErr := provenance.ContentDigest([]byte(other))
		if err != nil || otherErr != nil || (got == want) != same {
			t.Errorf("%s: same is not %v (%v %v)", other, same, err, otherErr)
		}
	}
	// What float64 cannot tell apart is told apart.
	x, _ := provenance.ContentDigest([]byte(`{"n":9007199254740993}`))
	y, _ := provenance.ContentDigest([]byte(`{"n":9007199254740992}`))
	if x == y {
		t.Error("two numbers are one")
	}
	for _, bad := range []string{`{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{"a":`, `{"a":1}x`} {
		if d, err := provenance.ContentDigest([]byte(bad)); err == nil {
			t.Errorf("%s: %s", bad, d)
		}
	}
	if d, err := provenance.ContentDigest([]byte("SPDXVersion: SPDX-2.3")); err != nil || d.IsZero() {
		t.Errorf("a text: %v", err)
	}
}

// TestContentSurvivesASigner: what a signer does who reads JSON and writes it again
// changes no digest.
func TestContentSurvivesASigner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.MapOf(rapid.String(), rapid.OneOf(
			rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Int32(), func(n int32) any { return n }), rapid.Map(rapid.SliceOf(rapid.String()), func(s []string) any { return s }))).Draw(t, "v")
		plain, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var read any
		if err := json.Unmarshal(plain, &read); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := provenance.ContentDigest(plain)
		b, errB := provenance.ContentDigest(again)
		if errA != nil || errB != nil || a != b {
			t.Fatalf("%s\n%s: %v %v", plain, again, errA, errB)
		}
	})
}
