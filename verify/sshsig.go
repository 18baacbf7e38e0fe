package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
)

// AllowedSigners are the keys of a file of OpenSSH's (ssh-keygen(1), "ALLOWED SIGNERS").
type AllowedSigners struct{ lines []allowedSigner }

type allowedSigner struct {
	principals     string
	key            ssh.PublicKey
	authority      bool // signs certificates, which are not taken
	namespaces     []string
	after, before  time.Time
	afterOK, befOK bool
}

// Limits of what is read of SSH.
const (
	maxAllowedBytes = 1 << 20
	maxAllowedLines = 10_000
	maxSSHSignature = 64 << 10
)

// ParseAllowedSigners reads a file of allowed signers. A line that cannot be read is an
// error of KindInvalid that names it.
func ParseAllowedSigners(raw []byte) (*AllowedSigners, error) {
	if len(raw) > maxAllowedBytes {
		return nil, ident.Errorf(ident.KindLimit, "the file of allowed signers has %d bytes, more than %d", len(raw), maxAllowedBytes)
	}
	a := &AllowedSigners{}
	for n, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(a.lines) == maxAllowedLines {
			return nil, ident.Errorf(ident.KindLimit, "more than %d allowed signers", maxAllowedLines)
		}
		s, err := readAllowed(line)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "line %d of the allowed signers: %w", n+1, err).WithHint("PRINCIPALS [namespaces=\"git\"] ssh-ed25519 AAAA…")
		}
		a.lines = append(a.lines, s)
	}
	return a, nil
}

func readAllowed(line string) (allowedSigner, error) {
	fields := strings.Fields(line)
	s := allowedSigner{principals: fields[0]}
	for i, f := range fields[1:] {
		if len(fields) > i+2 {
			if raw, err := base64.StdEncoding.DecodeString(fields[i+2]); err == nil && isKeyType(f) {
				key, err := ssh.ParsePublicKey(raw)
				if err != nil {
					return s, err
				}
				if key.Type() != f {
					return s, ident.Errorf(ident.KindInvalid, "says %.40q of a key of type %s", f, key.Type())
				}
				s.key = key
				return s, nil
			}
		}
		for _, o := range strings.Split(f, ",") {
			if err := s.option(o, f); err != nil {
				return s, err
			}
			if strings.HasPrefix(strings.ToLower(f), "namespaces=") {
				break // its value has commas
			}
		}
	}
	return s, ident.Errorf(ident.KindInvalid, "holds no public key")
}

func isKeyType(f string) bool {
	return strings.HasPrefix(f, "ssh-") || strings.HasPrefix(f, "ecdsa-") || strings.HasPrefix(f, "sk-")
}

// option reads one option; whole is the field that it stands in. One that is not known
// is an error: it may be what takes trust away.
func (s *allowedSigner) option(o, whole string) error {
	name, value, _ := strings.Cut(o, "=")
	value = strings.Trim(value, `"`)
	var err error
	switch strings.ToLower(name) {
	case "cert-authority":
		s.authority = true
	case "namespaces":
		_, list, _ := strings.Cut(whole, "=")
		if strings.Count(list, `"`) != 2 || !strings.HasSuffix(list, `"`) {
			return ident.Errorf(ident.KindInvalid, "the option namespaces is not the last of its options, or not in quotes")
		}
		s.namespaces = strings.Split(strings.Trim(list, `"`), ",")
	case "valid-after":
		s.after, err = sshTime(value)
		s.afterOK = true
	case "valid-before":
		s.before, err = sshTime(value)
		s.befOK = true
	default:
		return ident.Errorf(ident.KindInvalid, "has an option %.40q that is not known", name)
	}
	return err
}

// sshTime reads YYYYMMDD[HHMM[SS]][Z]; without Z it would be the local time, which no
// two machines agree in, and is taken as UTC.
func sshTime(text string) (time.Time, error) {
	text = strings.TrimSuffix(text, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.Parse(layout, text); err == nil && len(text) == len(layout) {
			return t, nil
		}
	}
	return time.Time{}, ident.Errorf(ident.KindInvalid, "%.40q is no time: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS", text)
}

// sshSignature is the blob of OpenSSH's PROTOCOL.sshsig.
type sshSignature struct {
	Magic     [6]byte
	Version   uint32
	Key       []byte
	Namespace string
	Reserved  []byte
	Hash      string
	Signature []byte
}

// Verify judges an armoured SSH signature over content. at is when it was made by the
// word of who made it, which nobody vouches for: keys that are allowed for some time only
// are compared with it, as git does. What does not verify is a *Refusal.
func (a *AllowedSigners) Verify(armoured, content []byte, namespace string, at time.Time) (*fact.Fact, error) {
	if len(armoured) > maxSSHSignature {
		return nil, refuse(BadBundle, "the SSH signature has %d bytes, more than %d", len(armoured), maxSSHSignature)
	}
	block, rest := pem.Decode(armoured)
	if block == nil || block.Type != "SSH SIGNATURE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, refuse(BadBundle, "the SSH signature is malformed")
	}
	var s sshSignature
	if err := ssh.Unmarshal(block.Bytes, &s); err != nil || string(s.Magic[:]) != "SSHSIG" || s.Version != 1 {
		return nil, refuse(BadBundle, "the SSH signature is malformed, or of another version").because(err)
	}
	if s.Namespace != namespace {
		return nil, refuse(WrongArtifact, "the SSH signature is for the namespace %.60q, not %q", s.Namespace, namespace).hint("it was made for another purpose")
	}
	var digest []byte
	switch s.Hash {
	case "sha256":
		sum := sha256.Sum256(content)
		digest = sum[:]
	case "sha512":
		sum := sha512.Sum512(content)
		digest = sum[:]
	default:
		return nil, refuse(BadBundle, "the SSH signature is over a hash %.40q, which is not taken", s.Hash).hint("sha256 and sha512")
	}
	key, err := ssh.ParsePublicKey(s.Key)
	if err != nil {
		return nil, refuse(BadBundle, "the key in the SSH signature is malformed").because(err)
	}
	var sig ssh.Signature
	if err := ssh.Unmarshal(s.Signature, &sig); err != nil {
		return nil, refuse(BadBundle, "the SSH signature is malformed").because(err)
	}
	if _, ok := key.(*ssh.Certificate); ok {
		return nil, refuse(WrongMaterial, "signed under an SSH certificate, and those are not taken").hint("sign with the key itself")
	}
	if sig.Format == ssh.KeyAlgoRSA { // SHA-1
		return nil, refuse(BadSignature, "the SSH signature is over SHA-1").hint("sign again with a current OpenSSH")
	}
	public, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil, refuse(BadKey, "keys of type %s are not taken", key.Type())
	}
	known, err := newKey("", public.CryptoPublicKey())
	if err != nil {
		return nil, err
	}
	line, err := a.allowed(key, namespace, at)
	if err != nil {
		return nil, err
	}
	signed := ssh.Marshal(struct {
		Magic                     [6]byte
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{s.Magic, s.Namespace, string(s.Reserved), s.Hash, digest})
	if err := key.Verify(signed, &sig); err != nil {
		return nil, refuse(BadSignature, "the SSH signature does not verify").hint("what it is over was changed after it was signed").because(err)
	}
	known.Name = line.principals
	f := &fact.Fact{Artifact: ident.SHA256(content), Claim: fact.Signature, Signer: fact.Signer{Key: &known.Key}, Times: []fact.Time{}, Log: []fact.LogEntry{}, Source: ident.SHA256(armoured)}
	if line.afterOK || line.befOK {
		f.Notes = append(f.Notes, "the key is allowed for some time only, and "+clock(at)+" is the signer's own word")
	}
	return f, nil
}

// allowed finds the line that allows a key for a namespace at a time.
func (a *AllowedSigners) allowed(key ssh.PublicKey, namespace string, at time.Time) (*allowedSigner, error) {
	last := refuse(WrongSubject, "the key %s is of none of the allowed signers", ssh.FingerprintSHA256(key)).hint("a line of the allowed signers names whose key it is")
	for i := range a.lines {
		l := &a.lines[i]
		switch {
		case l.authority || !bytes.Equal(l.key.Marshal(), key.Marshal()):
		case len(l.namespaces) > 0 && !slices.Contains(l.namespaces, namespace):
			last = refuse(WrongSubject, "%s may sign for %s, not for %s", l.principals, strings.Join(l.namespaces, ", "), namespace)
		case l.afterOK && at.Before(l.after) || l.befOK && !at.Before(l.before):
			last = refuse(KeyTime, "signed at %s by its own word, when the key of %s is not allowed", clock(at), l.principals)
		default:
			return l, nil
		}
	}
	return nil, last
}
