package verify

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/certificate-transparency-go/x509util"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
)

// diagnose finds out why sigstore-go refused a bundle: it goes through the stages again,
// one by one, in their order. It runs only after a refusal, and can turn none of them
// into anything else.
func diagnose(b *Bundle, entity sigverify.SignedEntity, v *sigverify.Verifier, m root.TrustedMaterial, cause error) *Refusal {
	logTimes, err := v.VerifyTransparencyLogInclusion(entity)
	if err != nil {
		return logRefusal(b, m, err).because(cause)
	}
	times, err := v.VerifyObserverTimestamps(entity, logTimes)
	if err != nil {
		return timeRefusal(b, m).because(cause)
	}
	if leaf := b.material.Certificate(); leaf != nil {
		for _, t := range times {
			if _, err := sigverify.VerifyLeafCertificate(t.Timestamp, leaf, m); err != nil {
				return chainRefusal(leaf, t.Timestamp, m).because(cause)
			}
		}
		if r := sctRefusal(leaf, times, m, cause); r != nil {
			return r.because(cause)
		}
	} else {
		for _, t := range times {
			if !b.material.ValidAtTime(t.Timestamp, m) {
				return refuse(KeyTime, "signed at %s, when the key is not good", clock(t.Timestamp)).because(cause)
			}
		}
	}
	return refuse(BadSignature, "the signature does not verify").
		hint("the artifact was changed after it was signed, or it was signed with another key or algorithm").because(cause)
}

func logRefusal(b *Bundle, m root.TrustedMaterial, err error) *Refusal {
	if len(b.entries) == 0 {
		return refuse(NotLogged, "the signature is in no transparency log").
			hint("sign with a log (cosign does unless told not to), or --min-logs -1 where there is none")
	}
	logs := m.RekorLogs()
	known, kept := 0, 0
	seen := map[string]bool{}
	for _, e := range b.entries {
		at := fmt.Sprintf("%x %d", e.LogKeyID(), e.LogIndex())
		if seen[at] {
			return refuse(LogDuplicate, "the bundle brings one log entry twice")
		}
		seen[at] = true
		log := logs[hex.EncodeToString([]byte(e.LogKeyID()))]
		if log == nil {
			continue
		}
		known++
		if e.HasInclusionPromise() && tlog.VerifySET(e, logs) != nil {
			if t := e.IntegratedTime(); !log.ValidityPeriodEnd.IsZero() && t.After(log.ValidityPeriodEnd) || t.Before(log.ValidityPeriodStart) {
				return refuse(LogPromise, "the log took the entry in at %s, when its key is not trusted", clock(t))
			}
			return refuse(LogPromise, "the log's signed promise of the entry does not verify").hint("the entry or its time was changed")
		}
		kept++
	}
	switch {
	case known == 0:
		return refuse(UnknownLog, "the trusted root does not know the log of the entry (key %.16x…)", b.entries[0].LogKeyID()).
			hint("--trusted-root names the root of the deployment that signed")
	case kept > 0 && strings.Contains(err.Error(), "not enough verified log entries"):
		return refuse(NotLogged, "fewer logs vouch for the signature than asked for: %s", plain(err))
	case strings.Contains(err.Error(), "outside certificate validity"):
		return refuse(OutsideTime, "the log took the signature in outside of the time that the certificate is valid for")
	case strings.Contains(err.Error(), "does not match") && !strings.Contains(err.Error(), "root"):
		return refuse(LogMismatch, "the log entry is about something else: %s", plain(err)).hint("an entry that was copied from another bundle looks like this")
	}
	return refuse(LogProof, "the proof that the log holds the entry does not verify: %s", plain(err))
}

func timeRefusal(b *Bundle, m root.TrustedMaterial) *Refusal {
	if len(b.stamps) == 0 {
		return refuse(NoTime, "nobody that is trusted says when this was signed").
			hint("a log of the second generation gives no time: sign with a timestamp authority, too")
	}
	_, faults, err := sigverify.VerifySignedTimestamp(b.read, m)
	if err != nil || len(faults) == 0 {
		return refuse(NoTime, "fewer parties say when this was signed than asked for")
	}
	text := errors.Join(faults...).Error()
	switch {
	case len(m.TimestampingAuthorities()) == 0:
		return refuse(BadTimestamp, "the trusted root has no timestamp authority").hint("--trusted-root names the root of the deployment that signed")
	case strings.Contains(text, "hashed messages don't match"):
		return refuse(BadTimestamp, "the timestamp is over another signature").hint("a timestamp that was copied from another bundle looks like this")
	case strings.Contains(text, "validity period"):
		return refuse(BadTimestamp, "the timestamp is of a time for which its authority is not trusted")
	case strings.Contains(text, "unknown authority"), strings.Contains(text, "provided TSA certificate"):
		return refuse(BadTimestamp, "the timestamp is of an authority that the trusted root does not know")
	}
	return refuse(BadTimestamp, "the timestamp does not verify: %s", plain(faults[0]))
}

func chainRefusal(leaf *x509.Certificate, at time.Time, m root.TrustedMaterial) *Refusal {
	if at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
		return refuse(OutsideTime, "signed at %s, and the certificate is valid from %s to %s", clock(at), clock(leaf.NotBefore), clock(leaf.NotAfter)).
			hint("a certificate of minutes signs only within them: sign again, with a timestamp of the time of signing")
	}
	// Would it do at some other time? Then it is the authority whose time is over.
	for _, t := range []time.Time{leaf.NotBefore, leaf.NotAfter} {
		if _, err := sigverify.VerifyLeafCertificate(t, leaf, m); err == nil {
			return refuse(OutsideTime, "signed at %s, when the authority of the certificate is not trusted", clock(at))
		}
	}
	for _, ca := range m.FulcioCertificateAuthorities() {
		a, ok := ca.(*authority)
		if !ok {
			continue
		}
		always := *a.FulcioCertificateAuthority
		always.ValidityPeriodStart, always.ValidityPeriodEnd = time.Time{}, time.Time{}
		if _, err := always.Verify(leaf, at); err == nil {
			return refuse(OutsideTime, "signed at %s, when the authority %s is not trusted", clock(at), always.URI)
		}
	}
	return refuse(UnknownIssuer, "no authority of the trusted root issued the certificate (%.120s)", leaf.Issuer.String()).
		hint("--trusted-root names the root of the deployment that signed")
}

// sctRefusal is nil where certificate logs are no reason.
func sctRefusal(leaf *x509.Certificate, times []sigverify.TimestampVerificationResult, m root.TrustedMaterial, cause error) *Refusal {
	if !strings.Contains(cause.Error(), "signed certificate timestamp") {
		return nil
	}
	scts, err := x509util.ParseSCTsFromCertificate(leaf.Raw)
	switch {
	case err != nil:
		return refuse(BadSCT, "the certificate's signed certificate timestamps are malformed")
	case len(scts) == 0:
		return refuse(NoSCT, "the certificate has no signed certificate timestamp: no certificate log has seen it").hint("--min-scts -1 where the authority keeps no log")
	}
	known := 0
	for _, s := range scts {
		log := m.CTLogs()[hex.EncodeToString(s.LogID.KeyID[:])]
		if log == nil {
			continue
		}
		known++
		if t := time.UnixMilli(int64(s.Timestamp)); t.Before(log.ValidityPeriodStart) || !log.ValidityPeriodEnd.IsZero() && t.After(log.ValidityPeriodEnd) { // #nosec G115 -- milliseconds since 1970
			return refuse(BadSCT, "the certificate was logged at %s, when the certificate log is not trusted", clock(t))
		}
	}
	if known == 0 {
		return refuse(NoSCT, "the trusted root does not know the log that has seen the certificate")
	}
	for _, t := range times {
		if chains, err := sigverify.VerifyLeafCertificate(t.Timestamp, leaf, m); err == nil && sigverify.VerifySignedCertificateTimestamp(chains, 1, m) == nil {
			return refuse(NoSCT, "fewer certificate logs have seen the certificate than asked for")
		}
	}
	return refuse(BadSCT, "the certificate log's promise does not verify")
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// listedBytes is how Go prints a digest that nobody wrote as one.
var listedBytes = regexp.MustCompile(`:? ?\[\d+(?: \d+){7,}\]`)

// plain is the innermost message of an error, on one line and not longer than a person
// reads; the whole stays the cause.
func plain(err error) string {
	text := listedBytes.ReplaceAllString(strings.Join(strings.Fields(err.Error()), " "), "")
	if cut := strings.LastIndex(text, "): "); strings.HasPrefix(text, "proto:") && cut > 0 {
		text = text[cut+3:]
	}
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
