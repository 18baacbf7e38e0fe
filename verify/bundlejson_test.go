package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// madeBundles are of every form that signers write.
func madeBundles(t testing.TB) map[string][]byte {
	t.Helper()
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	statement := []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"x","predicate":{}}`)
	out := map[string][]byte{}
	for name, s := range map[string]synth.Signing{
		"certificate": {}, "certificate, attestation": {Statement: statement}, "chain": {FirstLog: true, NoStamp: true, Version: "0.1"},
		"key": {Key: key}, "key alone": {Key: key, NoLog: true, NoStamp: true}, "key, attestation": {Key: key, FirstLog: true, Statement: statement},
	} {
		s.Subject, s.Issuer = "a@b.example", "https://issuer.example"
		b, err := d.Sign([]byte("content"), s)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = synth.Write(b)
	}
	return out
}

// twoPasses reads a bundle without plainBundle.
func twoPasses(raw []byte) (*bundlepb.Bundle, error) {
	if err := strictJSON(raw); err != nil {
		return nil, err
	}
	b := new(bundlepb.Bundle)
	return b, protojson.Unmarshal(raw, b)
}

func TestPlainBundle(t *testing.T) {
	all := madeBundles(t)
	for name, raw := range all {
		b, ok := plainBundle(raw)
		if want, err := twoPasses(raw); !ok || err != nil || !proto.Equal(b, want) {
			t.Errorf("%s: %t, %v: read as %v, and by protobuf as %v", name, ok, err, b, want)
		}
	}
	raw := string(all["key"])
	for _, c := range []struct{ name, from, to string }{
		{"another case", `"tlogEntries"`, `"tlog_entries"`},
		{"a name twice", `{"mediaType":`, `{"mediaType":"x","mediaType":`},
		{"a name twice, deeper", `"hashes":[`, `"hashes":["AAAA"],"hashes":[`},
		{"an unknown name", `{"mediaType":`, `{"more":1,"mediaType":`},
		{"null", `"hint":"`, `"hint":null,"x":"`},
		{"a number that is none", `"logIndex":"`, `"logIndex":"x`},
		{"a number as one", `"treeSize":"1048576"`, `"treeSize":1048576`},
		{"a number with a zero before it", `"treeSize":"1`, `"treeSize":"01`},
		{"a number with an exponent", `"treeSize":"1048576"`, `"treeSize":"1e6"`},
		{"a negative number", `"treeSize":"1`, `"treeSize":"-1`},
		{"no base64", `"signature":"`, `"signature":"*`},
		{"an empty one", `"hashes":[`, `"hashes":["",`},
		{"base64 of web addresses", `"hashes":[`, `"hashes":["-_-_",`},
		{"base64 without padding", `"hashes":[`, `"hashes":["AA",`},
		{"an algorithm by number", `"algorithm":"SHA2_256"`, `"algorithm":1`},
		{"an unknown algorithm", `"algorithm":"SHA2_256"`, `"algorithm":"MD5"`},
		{"half of a character", `"hint":"`, `"hint":"\ud800`},
		{"two contents", `{"mediaType":`, `{"dsseEnvelope":{},"mediaType":`},
		{"two materials", `"publicKey":`, `"certificate":{"rawBytes":"AAAA"},"publicKey":`},
		{"something after it", `}`, `}}`},
		{"a list for an object", `"logId":{`, `"logId":[{`},
	} {
		changed := strings.Replace(raw, c.from, c.to, 1)
		if changed == raw {
			t.Errorf("%s: nothing was changed", c.name)
		}
		if b, ok := plainBundle([]byte(changed)); ok {
			t.Errorf("%s: read as %v", c.name, b)
		}
	}
}

// FuzzPlainBundle holds what is read in one pass against what the two passes read.
func FuzzPlainBundle(f *testing.F) {
	for _, raw := range madeBundles(f) {
		f.Add(raw)
		f.Add(bytes.Replace(raw, []byte(`"hashes":[`), []byte(`"hashes":["AA==","AAB=",`), 1))
	}
	f.Add([]byte(`{"mediaType":"\u0041\ufffd\ud83d\ude00"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, ok := plainBundle(raw)
		if !ok {
			return
		}
		want, err := twoPasses(raw)
		if err != nil || !proto.Equal(b, want) {
			t.Fatalf("read as %v, and by protobuf as %v: %v", b, want, err)
		}
	})
}
