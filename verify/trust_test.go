package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/cofferdam-io/cofferdam/ident"
)

// stampers is a trusted root of timestamp authorities alone.
type stampers struct {
	root.BaseTrustedMaterial
	all []root.TimestampingAuthority
}

func (s *stampers) TimestampingAuthorities() []root.TimestampingAuthority { return s.all }

// TestStamper holds the judgement of an authority whose chain is verified once against
// that of sigstore-go, which verifies it for every timestamp.
func TestStamper(t *testing.T) {
	at := time.Now().UTC().Truncate(time.Second) // whatever signs a timestamp notes the clock's time beside
	var keys [3]*ecdsa.PrivateKey                // of root, intermediate and authority
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	usages := func(critical bool, ids ...asn1.ObjectIdentifier) []pkix.Extension {
		value, err := asn1.Marshal(ids)
		if err != nil {
			t.Fatal(err)
		}
		return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: critical, Value: value}}
	}
	stamping, signing := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}
	type chain struct{ top, middle, leaf *x509.Certificate } // templates
	type test struct {
		name   string
		change func(*chain)
		direct bool              // the root issues the authority's certificate
		after  time.Duration     // of the timestamp
		by     *ecdsa.PrivateKey // who signs it; nil: the authority
		over   string            // what it is over; "": the signature
		until  time.Time         // the authority is trusted
		good   bool
		short  bool // the chain is verified once
	}
	for _, c := range []test{
		{name: "as authorities are", good: true, short: true},
		{name: "the root issues it", direct: true, good: true, short: true},
		{name: "an intermediate that may have none below it", change: func(c *chain) { c.middle.MaxPathLenZero = true }, good: true, short: true},
		{name: "a root that may have no intermediate", change: func(c *chain) { c.top.MaxPathLenZero = true }},
		{name: "over something else", over: "another", short: true},
		{name: "of another key", by: keys[1], short: true},
		{name: "the last second of the leaf", change: func(c *chain) { c.leaf.NotAfter = at.Add(time.Hour) }, after: time.Hour, good: true, short: true},
		{name: "the leaf's time is over", change: func(c *chain) { c.leaf.NotAfter = at.Add(time.Hour) }, after: time.Hour + time.Second, short: true},
		{name: "the leaf's time has not begun", change: func(c *chain) { c.leaf.NotBefore = at.Add(-time.Hour) }, after: -2 * time.Hour, short: true},
		{name: "the intermediate's time is over", change: func(c *chain) { c.middle.NotAfter = at.Add(time.Hour) }, after: 2 * time.Hour, short: true},
		{name: "the root's time is over", change: func(c *chain) { c.top.NotAfter = at.Add(time.Hour) }, after: 2 * time.Hour, short: true},
		{name: "the intermediate began after the leaf", change: func(c *chain) { c.middle.NotBefore = at.Add(-time.Hour) }, good: true},
		{name: "the authority is no longer trusted", until: at.Add(-time.Second), short: true},
		{name: "an intermediate for something else", change: func(c *chain) { c.middle.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }},
		{name: "an intermediate that is none", change: func(c *chain) { c.middle.IsCA = false }},
		{name: "an authority as a leaf", change: func(c *chain) { c.leaf.IsCA, c.leaf.BasicConstraintsValid = true, true }, short: true},
		{name: "usage that is not critical", change: func(c *chain) { c.leaf.ExtraExtensions = usages(false, stamping) }, short: true},
		{name: "two usages", change: func(c *chain) { c.leaf.ExtraExtensions = usages(true, stamping, signing) }, short: true},
		{name: "another usage", change: func(c *chain) { c.leaf.ExtraExtensions = usages(true, signing) }},
		{name: "no usage", change: func(c *chain) { c.leaf.ExtraExtensions = nil }, short: true},
		{name: "names that the intermediate may not vouch for", change: func(c *chain) {
			c.middle.PermittedDNSDomains, c.leaf.DNSNames = []string{"here.example"}, []string{"elsewhere.example"}
		}},
		{name: "names that the intermediate may vouch for", change: func(c *chain) {
			c.middle.PermittedDNSDomains, c.leaf.DNSNames = []string{"here.example"}, []string{"here.example"}
		}, good: true, short: true},
	} {
		authority := func(name string, number int64) *x509.Certificate {
			return &x509.Certificate{Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(number), NotBefore: at.Add(-24 * time.Hour), NotAfter: at.Add(24 * time.Hour),
				IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
		}
		templates := chain{authority("top", 1), authority("middle", 2), &x509.Certificate{Subject: pkix.Name{CommonName: "stamper"}, SerialNumber: big.NewInt(3),
			NotBefore: at.Add(-24 * time.Hour), NotAfter: at.Add(24 * time.Hour), ExtraExtensions: usages(true, stamping)}}
		if c.change != nil {
			c.change(&templates)
		}
		top := issued(t, templates.top, templates.top, keys[0].Public(), keys[0])
		theirs := &root.SigstoreTimestampingAuthority{Root: top, URI: "https://tsa.example", ValidityPeriodEnd: c.until}
		if c.direct {
			theirs.Leaf = issued(t, templates.leaf, top, keys[2].Public(), keys[0])
		} else {
			middle := issued(t, templates.middle, top, keys[1].Public(), keys[0])
			theirs.Leaf, theirs.Intermediates = issued(t, templates.leaf, middle, keys[2].Public(), keys[1]), []*x509.Certificate{middle}
		}
		ours := newTrust(ident.SHA256([]byte(c.name)), &stampers{all: []root.TimestampingAuthority{theirs}}).m.TimestampingAuthorities()[0]
		if got := len(stampChains(theirs.Root, theirs.Intermediates, theirs.Leaf)) > 0; got != c.short {
			t.Errorf("%s: the chain is verified once: %t", c.name, got)
		}
		over, by := "signature", keys[2]
		if c.over != "" {
			over = c.over
		}
		if c.by != nil {
			by = c.by
		}
		for _, embedded := range []bool{false, true} {
			sum := sha256.Sum256([]byte(over))
			raw, err := (&timestamp.Timestamp{AddTSACertificate: embedded, HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: at.Add(c.after), Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}}).
				CreateResponseWithOpts(theirs.Leaf, by, crypto.SHA256)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			a, errOurs := ours.Verify(raw, []byte("signature"))
			b, errTheirs := theirs.Verify(raw, []byte("signature"))
			if (errOurs == nil) != c.good || (errTheirs == nil) != c.good {
				t.Errorf("%s, certificate with it %t: %v here, %v by sigstore-go", c.name, embedded, errOurs, errTheirs)
			} else if c.good && (!a.Time.Equal(b.Time) || !a.Time.Equal(at.Add(c.after)) || a.URI != b.URI) {
				t.Errorf("%s: %v here, %v by sigstore-go", c.name, a, b)
			}
		}
	}
}
