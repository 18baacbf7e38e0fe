package synth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"time"
)

// The addresses of a made deployment.
const (
	LogV1 = "https://log1.synth.example"
	LogV2 = "https://log2.synth.example"
	TSA   = "https://tsa.synth.example"
	CA    = "https://ca.synth.example"
)

// Options of New.
type Options struct {
	At time.Time // about when things are signed: trust begins a day before, and lasts ten years
	// P384 has the authorities above the leaves on P-384, as the public good's are.
	P384 bool
	// Direct leaves out the intermediates.
	Direct bool
}

// Deployment is a made deployment.
type Deployment struct {
	at                time.Time
	ca, tsa           chain
	logV1, ctLog      *ecdsa.PrivateKey
	logV2             ed25519.PrivateKey
	logV1ID, ctID, v2 []byte
	stamper           *ecdsa.PrivateKey
	stampCert         *x509.Certificate
	leafSerial        int64
}

// chain is an authority: what issues, and what stands above it.
type chain struct {
	key   crypto.Signer
	certs []*x509.Certificate // the issuer first, the root last
}

// New makes a deployment.
func New(o Options) (*Deployment, error) {
	d := &Deployment{at: o.At.UTC().Truncate(time.Second)}
	var err error
	if d.ca, err = d.authority("ca", o, x509.ExtKeyUsageCodeSigning); err != nil {
		return nil, err
	}
	if d.tsa, err = d.authority("tsa", o, x509.ExtKeyUsageTimeStamping); err != nil {
		return nil, err
	}
	if d.logV1, d.logV1ID, err = logKey(); err != nil {
		return nil, err
	}
	if d.ctLog, d.ctID, err = logKey(); err != nil {
		return nil, err
	}
	var public ed25519.PublicKey
	if public, d.logV2, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	// The identity of such a key is the note's: name, algorithm and key (C2SP signed-note).
	id := sha256.Sum256(append([]byte(host(LogV2)+"\n\x01"), public...))
	d.v2 = id[:]
	if d.stamper, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, err
	}
	d.stampCert, err = d.tsa.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "stamper"}, NotBefore: d.at.Add(-day), NotAfter: d.at.Add(years), KeyUsage: x509.KeyUsageDigitalSignature,
		SerialNumber: big.NewInt(7), ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}}, d.stamper.Public())
	return d, err
}

const (
	day   = 24 * time.Hour
	years = 3650 * day
)

func (d *Deployment) authority(name string, o Options, usage x509.ExtKeyUsage) (chain, error) {
	curve := elliptic.P256()
	if o.P384 {
		curve = elliptic.P384()
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return chain{}, err
	}
	template := func(cn string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: cn, Organization: []string{"synth.example"}}, NotBefore: d.at.Add(-day), NotAfter: d.at.Add(years),
			SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	}
	root := template(name + " root")
	c := chain{key: key}
	top, err := c.issue(root, key.Public())
	if err != nil {
		return c, err
	}
	c.certs = []*x509.Certificate{top}
	if o.Direct {
		return c, nil
	}
	below, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return c, err
	}
	t := template(name + " intermediate")
	t.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	middle, err := c.issue(t, below.Public())
	return chain{key: below, certs: []*x509.Certificate{middle, top}}, err
}

// issue signs a certificate; the first of a chain signs itself.
func (c *chain) issue(template *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	parent := template
	if len(c.certs) > 0 {
		parent = c.certs[0]
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, c.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func logKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	id := sha256.Sum256(der)
	return key, id[:], err
}

// Object is a JSON object that tests may change before it is written.
type Object = map[string]any

// TrustedRoot returns what trusts the deployment, in JSON.
func (d *Deployment) TrustedRoot() []byte { return Write(d.Root()) }

// Root returns the trusted root as an object.
func (d *Deployment) Root() Object {
	since := Object{"start": d.at.Add(-day).Format(time.RFC3339)}
	log := func(url string, public crypto.PublicKey, details string, id []byte) Object {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			panic(err) // a key that this package made
		}
		return Object{"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": Object{"rawBytes": encode(der), "keyDetails": details, "validFor": since}, "logId": Object{"keyId": encode(id)}}
	}
	authority := func(url string, certs ...*x509.Certificate) Object {
		var list []any
		for _, c := range certs {
			list = append(list, Object{"rawBytes": encode(c.Raw)})
		}
		return Object{"subject": Object{"organization": "synth.example", "commonName": certs[len(certs)-1].Subject.CommonName}, "uri": url, "certChain": Object{"certificates": list}, "validFor": since}
	}
	return Object{
		"mediaType":              "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs":                  []any{log(LogV1, d.logV1.Public(), "PKIX_ECDSA_P256_SHA_256", d.logV1ID), log(LogV2, d.logV2.Public(), "PKIX_ED25519", d.v2)},
		"ctlogs":                 []any{log("https://ct.synth.example", d.ctLog.Public(), "PKIX_ECDSA_P256_SHA_256", d.ctID)},
		"certificateAuthorities": []any{authority(CA, d.ca.certs...)},
		"timestampAuthorities":   []any{authority(TSA, append([]*x509.Certificate{d.stampCert}, d.tsa.certs...)...)},
	}
}

// Write returns an object as JSON.
func Write(o Object) []byte {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err) // maps, lists and texts
	}
	return raw
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func host(url string) string { return url[len("https://"):] }
