package clusterimage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

// TrustRoot says which certificate authorities, logs and timestamp authorities are
// believed: exactly one of Remote, Repository and Keys.
type TrustRoot struct {
	Name       string
	Remote     *Remotes
	Repository *Repository
	Keys       *Keys
}

// Remotes is a TUF repository that is asked over the network.
type Remotes struct {
	Root              []byte // the initial root.json
	Mirror            string
	Targets           string // "targets" by default
	TrustedRootTarget string // "trusted_root.json" by default
}

// Repository is a TUF repository that the resource carries.
type Repository struct {
	Root              []byte
	Files             map[string][]byte // by their paths, as packed
	Targets           string
	TrustedRootTarget string
}

// Keys are given one by one.
type Keys struct {
	CertificateAuthorities []Authorities
	TLogs, CTLogs          []LogKey
	TimestampAuthorities   []Authorities
}

// Authorities is a certificate authority by its chain.
type Authorities struct {
	Organization, CommonName string
	URI                      string
	Chain                    []*x509.Certificate // leaf first, root last
}

// LogKey is a transparency log by its key.
type LogKey struct {
	BaseURL       string
	HashAlgorithm string
	Key           ident.Digest // SHA-256 of its SubjectPublicKeyInfo: the log's id
	DER           []byte
}

// ReadTrustRoot reads a TrustRoot and records every fault of it. It is nil where the
// resource cannot be used.
func ReadTrustRoot(root strict.Node, faults *[]strict.Fault) *TrustRoot {
	from := len(*faults)
	root.Object("apiVersion", "kind", "metadata", "spec", "status")
	t := &TrustRoot{Name: ReadName(root)}
	if !root.Require("spec", "spec holds one of remote, repository, sigstoreKeys") {
		return nil
	}
	spec := root.Get("spec").Object("remote", "repository", "sigstoreKeys")
	spec.Either("what is trusted", "remote", "repository", "sigstoreKeys")
	if n := spec.Get("remote"); n.Present() {
		n = n.Object("root", "mirror", "targets", "trustedRootTarget")
		t.Remote = &Remotes{Root: readRoot(n), Targets: orElse(n.Get("targets").Text(), "targets"), TrustedRootTarget: orElse(n.Get("trustedRootTarget").Text(), "trusted_root.json")}
		if n.Require("mirror", "mirror: the URL of the TUF repository") {
			t.Remote.Mirror = readURL(n.Get("mirror"), "https", "http")
		}
	}
	if n := spec.Get("repository"); n.Present() {
		n = n.Object("root", "mirrorFS", "targets", "trustedRootTarget")
		t.Repository = &Repository{Root: readRoot(n), Targets: orElse(n.Get("targets").Text(), "targets"), TrustedRootTarget: orElse(n.Get("trustedRootTarget").Text(), "trusted_root.json")}
		if n.Require("mirrorFS", "mirrorFS: the repository as a tar, gzipped, in base64") {
			t.Repository.Files = readMirror(n.Get("mirrorFS"), t.Repository.Targets)
		}
	}
	if n := spec.Get("sigstoreKeys"); n.Present() {
		t.Keys = readKeys(n)
	}
	if strict.Broken((*faults)[from:]) {
		return nil
	}
	return t
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// readBytes reads base64, in which line breaks do not count.
func readBytes(n strict.Node) []byte {
	text := strings.Join(strings.Fields(n.Text()), "")
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		if n.Present() {
			hint := "base64 -w0 FILE"
			if strings.Contains(n.Text(), "-----BEGIN") {
				hint = "PEM goes in as base64 once more: base64 -w0 FILE"
			}
			n.Fault(RuleTrustRoot, "is not base64 of anything").Mend("%s", hint)
		}
		return nil
	}
	return b
}

// readRoot reads a TUF root far enough to tell that it is one. Whether it is signed
// by whom it names is found out by the TUF client that uses it.
func readRoot(n strict.Node) []byte {
	if !n.Require("root", "root: the initial root.json of the repository in base64") {
		return nil
	}
	f := n.Get("root")
	b := readBytes(f)
	if b == nil {
		return nil
	}
	r := jsonscan.New(b, jsonscan.Options{})
	var signatures int
	var kind string
	r.Object()
	for {
		k, ok := r.NextKey()
		if !ok {
			break
		}
		switch string(k) {
		case "signatures":
			r.Array()
			for r.NextItem() {
				signatures++
				r.Skip()
			}
		case "signed":
			r.Object()
			for {
				k, ok := r.NextKey()
				if !ok {
					break
				}
				if string(k) == "_type" {
					kind = r.String()
				} else {
					r.Skip()
				}
			}
		default:
			r.Skip()
		}
	}
	switch err := r.End(); {
	case err != nil:
		f.Fault(RuleTrustRoot, "is no root.json: %v", err).Mend("base64 -w0 root.json")
	case signatures == 0:
		f.Fault(RuleTrustRoot, "the root holds no signatures").Mend("take root.json as the repository serves it, with signed and signatures")
	case kind != "root":
		f.Fault(RuleTrustRoot, "is TUF metadata of the type %q and not a root", kind).Mend("base64 -w0 root.json")
	default:
		return b
	}
	return nil
}

// Limits of a repository in a resource: the API server takes 1.5 MB of it, which a
// tar of metadata does not blow up to more than this.
const (
	maxMirrorBytes = 32 << 20
	maxMirrorFiles = 10_000
)

var errMirror = errors.New("is larger or holds more files than a TUF repository does")

// readMirror unpacks a repository, and looks whether it holds metadata and the trusted
// root's folder.
func readMirror(n strict.Node, targets string) map[string][]byte {
	b := readBytes(n)
	if b == nil {
		return nil
	}
	files, err := Unpack(b)
	has := func(suffix string) bool {
		for s := range files {
			if path.Base(s) == suffix || strings.HasSuffix(path.Base(s), "."+suffix) {
				return true
			}
		}
		return false
	}
	inTargets := false
	for s := range files {
		inTargets = inTargets || slices.Contains(strings.Split(path.Dir(s), "/"), targets)
	}
	switch {
	case err != nil:
		n.Fault(RuleTrustRoot, "is no gzipped tar of a TUF repository: %v", err).Mend("tar -czf - repository | base64 -w0")
		return nil
	case !has("timestamp.json") || !has("snapshot.json") || !has("targets.json"):
		n.Fault(RuleTrustRoot, "the repository lacks metadata: timestamp.json, snapshot.json and targets.json").Mend("put the whole folder that the mirror serves into the tar")
		return nil
	case !inTargets:
		n.Fault(RuleTrustRoot, "the repository has no files below %q", targets).Mend("targets: the folder that holds them")
		return nil
	}
	return files
}

// Unpack returns the files of a gzipped tar by their paths, all in memory and within
// limits. Links and devices are left out; a path twice, or one that leads out of the
// archive, is an error, since two readers would unpack two things.
func Unpack(b []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: z, N: maxMirrorBytes}
	t := tar.NewReader(limited)
	files := map[string][]byte{}
	for entries := 0; ; entries++ {
		h, err := t.Next()
		switch {
		case limited.N <= 0 || entries > maxMirrorFiles:
			return nil, errMirror
		case errors.Is(err, io.EOF):
			return files, nil
		case err != nil:
			return nil, err
		case h.Typeflag != tar.TypeReg:
			continue
		}
		name := path.Clean(h.Name)
		if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
			return nil, fmt.Errorf("%.80q leads out of the archive", h.Name)
		}
		if _, twice := files[name]; twice {
			return nil, fmt.Errorf("%.80q is in it twice", name)
		}
		if files[name], err = io.ReadAll(t); err != nil {
			if limited.N <= 0 {
				return nil, errMirror
			}
			return nil, err
		}
	}
}

func readKeys(n strict.Node) *Keys {
	n = n.Object("certificateAuthorities", "tLogs", "ctLogs", "timestampAuthorities")
	if n.Get("certificateAuthorities").Empty() && n.Get("timestampAuthorities").Empty() {
		n.Fault(strict.RuleMissing, "neither certificateAuthorities nor timestampAuthorities: nobody is trusted").Mend("add one of them")
	}
	k := &Keys{}
	for _, c := range some(n.Get("certificateAuthorities")) {
		k.CertificateAuthorities = append(k.CertificateAuthorities, readChain(c, false))
	}
	for _, c := range some(n.Get("timestampAuthorities")) {
		k.TimestampAuthorities = append(k.TimestampAuthorities, readChain(c, true))
	}
	for _, l := range some(n.Get("tLogs")) {
		k.TLogs = append(k.TLogs, readLog(l))
	}
	for _, l := range some(n.Get("ctLogs")) {
		k.CTLogs = append(k.CTLogs, readLog(l))
	}
	return k
}

func readChain(n strict.Node, timestamps bool) Authorities {
	n = n.Object("subject", "uri", "certChain")
	a := Authorities{}
	if n.Require("subject", "subject: {organization: …, commonName: …}") {
		s := n.Get("subject").Object("organization", "commonName")
		s.Require("organization", "organization: as the root certificate names it")
		s.Require("commonName", "commonName: as the root certificate names it")
		a.Organization, a.CommonName = s.Get("organization").Text(), s.Get("commonName").Text()
	}
	if n.Require("uri", "uri: where the authority is reached") {
		a.URI = readURL(n.Get("uri"), "https", "http")
	}
	if !n.Require("certChain", "certChain: the PEM chain in base64, root last") {
		return a
	}
	f := n.Get("certChain")
	b := readBytes(f)
	leaves := 0
	for rest := b; len(rest) > 0 && len(a.Chain) < maxItems; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			f.Fault(RuleTrustRoot, "certificate %d of the chain cannot be read", len(a.Chain)+1).Mend("openssl crl2pkcs7 -nocrl -certfile FILE | openssl pkcs7 -print_certs shows what is in it")
			return a
		}
		if !c.IsCA {
			leaves++
		}
		a.Chain = append(a.Chain, c)
	}
	switch {
	case b == nil:
	case len(a.Chain) == 0:
		f.Fault(RuleTrustRoot, "holds no certificate").Mend("base64 -w0 chain.pem")
	case timestamps && leaves > 1:
		f.Fault(RuleTrustRoot, "holds %d certificates of timestamp authorities, and one chain has one", leaves).Mend("write an entry for each authority")
	case !timestamps && leaves > 0:
		f.Fault(RuleTrustRoot, "holds a certificate that may issue none").Mend("keep the chain of the authority: intermediates, and the root last")
	default:
		root := a.Chain[len(a.Chain)-1]
		if !bytes.Equal(root.RawSubject, root.RawIssuer) {
			f.Warn(RuleTrustRoot, "the last certificate of the chain is no root: it was issued by %q", root.Issuer.String()).Mend("the root stands last")
		}
	}
	return a
}

var logHashes = []string{"sha-256", "sha256", "sha-384", "sha384", "sha-512", "sha512"}

func readLog(n strict.Node) LogKey {
	n = n.Object("baseURL", "hashAlgorithm", "publicKey")
	l := LogKey{}
	if n.Require("baseURL", "baseURL: where the log is reached") {
		l.BaseURL = readURL(n.Get("baseURL"), "https", "http")
	}
	if n.Require("hashAlgorithm", "hashAlgorithm: sha-256") {
		h := n.Get("hashAlgorithm")
		l.HashAlgorithm = h.Text()
		if !slices.Contains(logHashes, l.HashAlgorithm) {
			h.Fault(RuleTrustRoot, "%q is no hash algorithm of a log", l.HashAlgorithm).Mend("hashAlgorithm: sha-256")
		}
	}
	if n.Require("publicKey", "publicKey: the log's PEM key in base64") {
		f := n.Get("publicKey")
		b := readBytes(f)
		if b == nil {
			return l
		}
		block, _ := pem.Decode(b)
		if block == nil {
			f.Fault(RuleTrustRoot, "holds no PEM block").Mend("base64 -w0 key.pem, where the file begins with -----BEGIN PUBLIC KEY-----")
			return l
		}
		if _, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			f.Fault(RuleTrustRoot, "the public key cannot be read: %v", err).Mend("openssl pkey -pubin -text shows what openssl makes of it")
			return l
		}
		l.DER, l.Key = block.Bytes, ident.SHA256(block.Bytes)
	}
	return l
}
