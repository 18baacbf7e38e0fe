package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
)

// promises is an authority with certificate logs: two on P-256, one on P-384, one of RSA.
type promises struct {
	root.BaseTrustedMaterial
	at     time.Time
	key    *ecdsa.PrivateKey
	issuer *x509.Certificate
	keys   []crypto.Signer
	ids    [][]byte
	logs   map[string]*root.TransparencyLog
}

func (p *promises) CTLogs() map[string]*root.TransparencyLog { return p.logs }

func newPromises(t testing.TB) *promises {
	t.Helper()
	p := &promises{at: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC), logs: map[string]*root.TransparencyLog{}}
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P256(), elliptic.P384()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p.keys = append(p.keys, k)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.keys = append(p.keys, long)
	for _, k := range p.keys {
		der, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		id := sha256.Sum256(der)
		p.ids = append(p.ids, id[:])
		p.logs[hex.EncodeToString(id[:])] = &root.TransparencyLog{PublicKey: k.Public(), ValidityPeriodStart: p.at.Add(-time.Hour), ValidityPeriodEnd: p.at.Add(time.Hour)}
	}
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: p.at, NotAfter: p.at.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	p.issuer = p.issue(t, template, template, p.key.Public())
	return p
}

func (p *promises) issue(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	return issued(t, template, parent, public, p.key)
}

// issued is a certificate that a key signs.
func issued(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// made is a promise that a test may spoil.
type made struct {
	log        int
	id         []byte // nil: the log's own
	version    byte
	after      time.Duration
	extensions []byte
	entry      uint16 // 1: of a certificate before promises were put into it
	hash       crypto.Hash
	algorithms []byte              // nil: those of the key
	change     func([]byte) []byte // of what is signed
	spoil      func(sct []byte) []byte
}

func (p *promises) made(t testing.TB, m made, before *x509.Certificate) []byte {
	t.Helper()
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(p.at.Add(m.after).UnixMilli()))
	issuer := sha256.Sum256(p.issuer.RawSubjectPublicKeyInfo)
	tbs := before.RawTBSCertificate
	signed := append([]byte{m.version, 0}, at[:]...)
	signed = binary.BigEndian.AppendUint16(signed, m.entry)
	signed = append(append(signed, issuer[:]...), byte(len(tbs)>>16), byte(len(tbs)>>8), byte(len(tbs)))
	signed = append(binary.BigEndian.AppendUint16(append(signed, tbs...), uint16(len(m.extensions))), m.extensions...)
	if m.change != nil {
		signed = m.change(signed)
	}
	h := m.hash.New()
	h.Write(signed)
	sig, err := p.keys[m.log].Sign(rand.Reader, h.Sum(nil), m.hash)
	if err != nil {
		t.Fatal(err)
	}
	id := m.id
	if id == nil {
		id = p.ids[m.log]
	}
	sct := append(append([]byte{m.version}, id...), at[:]...)
	sct = append(binary.BigEndian.AppendUint16(sct, uint16(len(m.extensions))), m.extensions...)
	switch _, ok := p.keys[m.log].(*rsa.PrivateKey); {
	case m.algorithms != nil:
		sct = append(sct, m.algorithms...)
	case ok:
		sct = append(sct, 4, 1)
	default:
		sct = append(sct, 4, 3)
	}
	sct = append(binary.BigEndian.AppendUint16(sct, uint16(len(sig))), sig...)
	if m.spoil != nil {
		sct = m.spoil(sct)
	}
	return sct
}

// leaf is a certificate with promises in it, among other extensions.
func (p *promises) leaf(t testing.TB, all []made, spoil func(list []byte) []byte) *x509.Certificate {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: []byte{12, 1, 'x'}}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: p.at, NotAfter: p.at.Add(time.Hour), EmailAddresses: []string{"a@b.example"}, ExtraExtensions: []pkix.Extension{other}}
	before := p.issue(t, template, p.issuer, k.Public())
	if all == nil {
		return before
	}
	var list []byte
	for _, m := range all {
		sct := p.made(t, m, before)
		list = append(binary.BigEndian.AppendUint16(list, uint16(len(sct))), sct...)
	}
	list = append(binary.BigEndian.AppendUint16(nil, uint16(len(list))), list...)
	if spoil != nil {
		list = spoil(list)
	}
	value, err := asn1.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	// Not the last one: what stands behind it must be kept, too.
	template.ExtraExtensions = append([]pkix.Extension{{Id: sctList, Value: value}}, template.ExtraExtensions...)
	return p.issue(t, template, p.issuer, k.Public())
}

// theirs is how many logs sigstore-go counts.
func (p *promises) theirs(leaf, issuer *x509.Certificate) int {
	n := 0
	for ; n < len(p.keys); n++ {
		if sigverify.VerifySignedCertificateTimestamp([][]*x509.Certificate{{leaf, issuer}}, n+1, p) != nil {
			return n
		}
	}
	return n
}

// TestPromisedBy counts the logs that vouch for a certificate, and holds the count
// against sigstore-go's: fewer may be counted here, which it is then asked about, never more.
func TestPromisedBy(t *testing.T) {
	p := newPromises(t)
	good := func(log int) made { return made{log: log, entry: 1, hash: crypto.SHA256} }
	with := func(log int, change func(*made)) made {
		m := good(log)
		change(&m)
		return m
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			b = bytes.Clone(b)
			b[(at+len(b))%len(b)] ^= 1
			return b
		}
	}
	for _, c := range []struct {
		name         string
		all          []made
		spoil        func([]byte) []byte
		ours, theirs int
	}{
		{"one", []made{good(0)}, nil, 1, 1},
		{"with extensions", []made{with(0, func(m *made) { m.extensions = []byte("abc") })}, nil, 1, 1},
		{"two logs", []made{good(0), good(1)}, nil, 2, 2},
		{"one log twice", []made{good(0), good(0)}, nil, 1, 1},
		{"one log twice, first badly", []made{with(0, func(m *made) { m.change = flip(-1) }), good(0)}, nil, 1, 1},
		{"another log, badly", []made{good(0), with(1, func(m *made) { m.change = flip(40) })}, nil, 1, 1},
		{"none", nil, nil, 0, 0},
		{"an empty list", []made{good(0)}, func([]byte) []byte { return []byte{0, 0} }, 0, 0},
		{"an unknown log", []made{with(0, func(m *made) { m.id = make([]byte, 32) })}, nil, 0, 0},
		{"another log's name", []made{with(0, func(m *made) { m.id = p.ids[1] })}, nil, 0, 0},
		{"before the log is trusted", []made{with(0, func(m *made) { m.after = -2 * time.Hour })}, nil, 0, 0},
		{"after the log was trusted", []made{with(0, func(m *made) { m.after = 2 * time.Hour })}, nil, 0, 0},
		{"at the end of its time", []made{with(0, func(m *made) { m.after = time.Hour })}, nil, 1, 1},
		{"over another certificate", []made{with(0, func(m *made) { m.change = flip(60) })}, nil, 0, 0},
		{"over another issuer", []made{with(0, func(m *made) { m.change = flip(20) })}, nil, 0, 0},
		{"of another time than signed", []made{with(0, func(m *made) { m.spoil = flip(1 + 32 + 7) })}, nil, 0, 0},
		{"its signature spoiled", []made{with(0, func(m *made) { m.spoil = flip(-1) })}, nil, 0, 0},
		{"a signature of the log over a tree", []made{with(0, func(m *made) { m.change = func(b []byte) []byte { b[1] = 1; return b } })}, nil, 0, 0},
		{"as for a whole certificate", []made{with(0, func(m *made) { m.entry = 0 })}, nil, 0, 0},
		{"version 2", []made{with(0, func(m *made) { m.version = 1 })}, nil, 0, 0},
		{"SHA-512 under the name of SHA-256", []made{with(0, func(m *made) { m.hash = crypto.SHA512 })}, nil, 0, 0},
		{"ECDSA under the name of RSA", []made{with(0, func(m *made) { m.algorithms = []byte{4, 1} })}, nil, 0, 0},
		{"bytes after the promise", []made{with(0, func(m *made) { m.spoil = func(b []byte) []byte { return append(b, 0) } })}, nil, 0, 0},
		{"cut short", []made{with(0, func(m *made) { m.spoil = func(b []byte) []byte { return b[:len(b)-1] } })}, nil, 0, 0},
		{"bytes after the list", []made{good(0)}, func(b []byte) []byte { return append(b, 0) }, 0, 0},
		{"a good one and one that is cut short", []made{good(0), with(1, func(m *made) { m.spoil = func(b []byte) []byte { return b[:3] } })}, nil, 0, 0},
		{"on P-384", []made{good(2)}, nil, 0, 0},
		// What is left to sigstore-go.
		{"RSA", []made{good(3)}, nil, 0, 1},
		{"SHA-512", []made{with(0, func(m *made) { m.hash, m.algorithms = crypto.SHA512, []byte{6, 3} })}, nil, 0, 1},
	} {
		leaf := p.leaf(t, c.all, c.spoil)
		ours, theirs := promisedBy(leaf, p.issuer, p.logs), p.theirs(leaf, p.issuer)
		if ours != c.ours || theirs != c.theirs || ours > theirs {
			t.Errorf("%s: %d logs here, %d by sigstore-go; expected %d and %d", c.name, ours, theirs, c.ours, c.theirs)
		}
	}
	if leaf := p.leaf(t, []made{good(0)}, nil); promisedBy(leaf, leaf, p.logs) != 0 {
		t.Error("a promise counts under an issuer that it is not about")
	}
}

// FuzzPromisedBy changes certificates: what counts here counts for sigstore-go.
func FuzzPromisedBy(f *testing.F) {
	p := newPromises(f)
	leaf := p.leaf(f, []made{{log: 0, entry: 1, hash: crypto.SHA256}, {log: 1, entry: 1, hash: crypto.SHA256}}, nil)
	if promisedBy(leaf, p.issuer, p.logs) != 2 {
		f.Fatal("the certificate that is changed counts nothing")
	}
	f.Add(uint16(0), byte(0), uint16(0), uint16(0))
	f.Add(uint16(100), byte(1), uint16(0), uint16(0))
	f.Add(uint16(len(leaf.Raw)-1), byte(1), uint16(0), uint16(0))
	f.Add(uint16(3), byte(1), uint16(300), uint16(1))
	f.Fuzz(func(t *testing.T, at uint16, flip byte, from, length uint16) {
		der := bytes.Clone(leaf.Raw)
		der[int(at)%len(der)] ^= flip
		if a := int(from) % len(der); length > 0 {
			der = append(der[:a], der[min(a+int(length), len(der)):]...)
		}
		other, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		if ours := promisedBy(other, p.issuer, p.logs); ours > p.theirs(other, p.issuer) {
			t.Errorf("%d logs count for %x, and fewer for sigstore-go", ours, der)
		}
	})
}
