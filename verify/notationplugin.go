package verify

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"golang.org/x/mod/semver"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// The attributes by which a signature names the plugin that has to help to verify it
// (signature-specification.md, "Extended attributes for Notation Plugins").
const (
	attributePlugin        = "io.cncf.notary.verificationPlugin"
	attributePluginVersion = "io.cncf.notary.verificationPluginMinVersion"
)

// The commands and capabilities of verification plugins (plugin-extensibility.md, "Plugin
// contract").
const (
	PluginMetadata = "get-plugin-metadata"
	PluginVerify   = "verify-signature"

	pluginContract   = "1.0"
	judgesIdentity   = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY"
	judgesRevocation = "SIGNATURE_VERIFIER.REVOCATION_CHECK"
)

// Plugins are the verification plugins of the Notary Project that an operator installed.
type Plugins interface {
	// Ask has a plugin carry out a command. Request and answer are JSON. The name comes from
	// a signature, of an authority that a trust store has: which names are taken for one is
	// for Ask to decide. An error says that there is no such plugin, or that it did not
	// answer, and is of KindIndeterminate; it is never the word of a plugin about a
	// signature. Ask may be called by several goroutines at once.
	Ask(ctx context.Context, name, command string, request []byte) (answer []byte, err error)
}

// pluginNeed is what a signature asks for by its attributes; nil is no plugin.
type pluginNeed struct {
	name, least string // least version; "": any
	// given are its other attributes as JSON has them; critical are the names of those that
	// somebody has to understand.
	given    map[string]any
	critical []string
}

// pluginNeed reads the attributes that this program does not know. One that must be
// understood, and that no plugin is named for, is a *Refusal.
func (e *envelope) pluginNeed() (*pluginNeed, error) {
	out := &pluginNeed{given: map[string]any{}}
	named := map[string]any{}
	for _, a := range e.SignerInfo.SignedAttributes.ExtendedAttributes {
		name, ok := a.Key.(string)
		primitive := ok && isPrimitive(a.Value)
		switch {
		case a.Critical && !primitive:
			return nil, refuse(BadAttribute, "the signature has the attribute %.80q, which must be understood, and whose name or value is of a kind that no plugin can be told", a.Key)
		case name == attributePlugin || name == attributePluginVersion:
			named[name] = a.Value
			continue
		case primitive:
			out.given[name] = a.Value
		}
		if a.Critical {
			out.critical = append(out.critical, name)
		}
	}
	slices.Sort(out.critical)
	for name, v := range named {
		if text, ok := v.(string); !ok || text == "" {
			return nil, refuse(BadAttribute, "the signature's attribute %s is no text", name)
		}
	}
	out.name, _ = named[attributePlugin].(string)
	out.least, _ = named[attributePluginVersion].(string)
	switch {
	case out.name == "" && out.least != "":
		return nil, refuse(BadAttribute, "the signature asks for the version %.40q of a plugin that it does not name", out.least)
	case out.name == "" && len(out.critical) > 0:
		return nil, refuse(BadAttribute, "the signature has the attribute %.80q, which must be understood and is not, and names no plugin that does", out.critical[0])
	case out.least != "" && !isSemver(out.least):
		return nil, refuse(BadAttribute, "the signature asks for at least the version %.40q of its plugin, which is no version (MAJOR.MINOR.PATCH)", out.least)
	case out.name == "":
		return nil, nil
	}
	return out, nil
}

// isPrimitive reports whether a value is of those that plugins are told of.
func isPrimitive(v any) bool {
	switch v.(type) {
	case nil, string, bool, int64, uint64, float64, json.Number:
		return true
	}
	return false
}

// isSemver reports whether a text is a version by SemVer 2.0.0, with all three numbers.
func isSemver(v string) bool {
	v = "v" + v
	return semver.IsValid(v) && semver.Canonical(v) == strings.TrimSuffix(v, semver.Build(v))
}

// pluginMetadata is what a plugin says of itself.
type pluginMetadata struct {
	name, version string
	contracts     []string
	judges        []string // capabilities of verification
}

func (m *pluginMetadata) takesOver(capability string) bool {
	return m != nil && slices.Contains(m.judges, capability)
}

// couldNot is the error of a plugin that is not there or does not answer as it has to.
func (p *pluginNeed) couldNot(format string, args ...any) *ident.Error {
	return ident.Errorf(ident.KindIndeterminate, "the signature needs the plugin %.80q, which "+format, append([]any{p.name}, args...)...)
}

// enlist asks the plugin that a signature names what it can do. Errors are of
// KindIndeterminate: whether the signature is good nobody knows.
func (n *Notation) enlist(ctx context.Context, p *pluginNeed) (*pluginMetadata, error) {
	if n.o.Plugins == nil {
		return nil, p.couldNot("is not run: no folder of plugins is given").WithHint("--notation-plugins DIR with %.80s/notation-%.80s below, such as ~/.config/notation/plugins", p.name, p.name)
	}
	request := []byte("{}")
	if len(n.o.PluginConfig) > 0 {
		var err error
		if request, err = json.Marshal(map[string]any{"pluginConfig": n.o.PluginConfig}); err != nil {
			return nil, err
		}
	}
	raw, err := n.o.Plugins.Ask(ctx, p.name, PluginMetadata, request)
	if err != nil {
		return nil, err
	}
	m, err := parsePluginMetadata(raw)
	switch {
	case err != nil:
		return nil, p.couldNot("does not say what it is: %w", err)
	case m.name != p.name:
		return nil, p.couldNot("calls itself %.80q", m.name).WithHint("another program lies in its place: install the plugin again")
	case !slices.Contains(m.contracts, pluginContract):
		return nil, p.couldNot("speaks the versions %.80s of the contract, and not %s", strings.Join(m.contracts, ", "), pluginContract).WithHint("install a plugin that speaks %s", pluginContract)
	case !isSemver(m.version):
		return nil, p.couldNot("has the version %.40q, which is none (MAJOR.MINOR.PATCH)", m.version)
	case p.least != "" && semver.Compare("v"+m.version, "v"+p.least) < 0:
		return nil, p.couldNot("is of the version %s, and the signature asks for %s at least", m.version, p.least).WithHint("install a newer plugin")
	case len(m.judges) == 0:
		return nil, p.couldNot("does not verify: it has neither %s nor %s", judgesIdentity, judgesRevocation).WithHint("install the plugin that verifies: this one signs")
	}
	return m, nil
}

// maxPluginList bounds lists in what a plugin answers.
const maxPluginList = 1000

func parsePluginMetadata(raw []byte) (*pluginMetadata, error) {
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth, StrictSkip: true})
	m := &pluginMetadata{}
	texts := func() (out []string) {
		r.RequireArray()
		for r.NextItem() && len(out) < maxPluginList {
			out = append(out, r.RequireString())
		}
		return out
	}
	r.RequireObject()
	for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
		switch string(name) {
		case "name":
			m.name = r.RequireString()
		case "version":
			m.version = r.RequireString()
		case "supportedContractVersions":
			m.contracts = texts()
		case "capabilities":
			for _, c := range texts() {
				if c == judgesIdentity || c == judgesRevocation {
					m.judges = append(m.judges, c)
				}
			}
		default:
			r.Skip()
		}
	}
	return m, r.End()
}

// consult has the plugin that a signature names judge it, and puts into the fact what it
// let pass. What it says no to is a *Refusal where the trust policy enforces the check; so
// is an attribute that it does not say to have understood, whatever the trust policy.
func (n *Notation) consult(ctx context.Context, s *trustStatement, e *envelope, p *pluginNeed, m *pluginMetadata, f *fact.Fact) error {
	x := f.Signer.X509
	asked := map[string]string{} // capabilities → checks
	for capability, check := range map[string]string{judgesIdentity: CheckAuthenticity, judgesRevocation: CheckRevocation} {
		if m.takesOver(capability) && s.actions[check] != leave {
			asked[capability] = check
		}
	}
	x.Plugin = &fact.Plugin{Name: m.name, Version: m.version, Checked: slices.Sorted(maps.Values(asked)), Attributes: map[string]string{}}
	if len(asked) == 0 {
		if len(p.critical) > 0 {
			return refuse(BadAttribute, "the signature has the attribute %.80q, which must be understood, and the plugin %.80q, which would, only judges revocation, which the trust policy %s skips", p.critical[0], p.name, s.name)
		}
		return nil
	}
	request, err := n.pluginRequest(s, e, p, slices.Sorted(maps.Keys(asked)))
	if err != nil {
		return err
	}
	raw, err := n.o.Plugins.Ask(ctx, p.name, PluginVerify, request)
	if err != nil {
		return err
	}
	a, err := parsePluginAnswer(raw)
	if err != nil {
		return p.couldNot("does not answer as it has to: %w", err)
	}
	if len(a.results) != len(asked) {
		return p.couldNot("answers %d questions, and %d were asked", len(a.results), len(asked))
	}
	for _, name := range p.critical {
		if !slices.Contains(a.processed, name) {
			return refuse(BadAttribute, "the signature has the attribute %.80q, which must be understood, and the plugin %.80q does not say that it did", name, p.name)
		}
	}
	for _, capability := range slices.Sorted(maps.Keys(asked)) {
		said, is := a.results[capability]
		switch check := asked[capability]; {
		case !is:
			return p.couldNot("does not answer what it was asked for: %s", capability)
		case said.success:
		case s.actions[check] == enforce:
			return refuse(PluginRefused, "the plugin %.80q (%s) says no to %s: %.300s", p.name, m.version, check, said.why()).hint("what it means is in the plugin's documentation")
		default:
			logs(f, check, s.name, "the plugin "+p.name+" says no: "+said.why())
		}
	}
	for _, name := range p.critical {
		if text, ok := p.given[name].(string); ok {
			x.Plugin.Attributes[name] = text
		}
	}
	return nil
}

// pluginRequest is what a plugin is asked (plugin-extensibility.md, "verify-signature").
func (n *Notation) pluginRequest(s *trustStatement, e *envelope, p *pluginNeed, capabilities []string) ([]byte, error) {
	type attributes struct {
		ContentType          string         `json:"contentType"`
		SigningScheme        string         `json:"signingScheme"`
		Expiry               *time.Time     `json:"expiry,omitempty"`
		AuthenticSigningTime *time.Time     `json:"authenticSigningTime,omitempty"`
		VerificationPlugin   string         `json:"verificationPlugin"`
		MinVersion           string         `json:"verificationPluginMinVersion,omitempty"`
		ExtendedAttributes   map[string]any `json:"extendedAttributes,omitempty"`
	}
	var q struct {
		ContractVersion string `json:"contractVersion"`
		Signature       struct {
			CriticalAttributes    attributes `json:"criticalAttributes"`
			UnprocessedAttributes []string   `json:"unprocessedAttributes"`
			CertificateChain      [][]byte   `json:"certificateChain"` // DER
		} `json:"signature"`
		TrustPolicy struct {
			TrustedIdentities     []string `json:"trustedIdentities"`
			SignatureVerification []string `json:"signatureVerification"`
		} `json:"trustPolicy"`
		PluginConfig map[string]string `json:"pluginConfig,omitempty"`
	}
	info := &e.SignerInfo
	q.ContractVersion, q.PluginConfig = pluginContract, n.o.PluginConfig
	q.Signature.CriticalAttributes = attributes{ContentType: e.Payload.ContentType, SigningScheme: string(info.SignedAttributes.SigningScheme),
		VerificationPlugin: p.name, MinVersion: p.least, ExtendedAttributes: p.given}
	if at := info.SignedAttributes.Expiry.UTC(); !at.IsZero() {
		q.Signature.CriticalAttributes.Expiry = &at
	}
	if info.SignedAttributes.SigningScheme == signature.SigningSchemeX509SigningAuthority {
		at := info.SignedAttributes.SigningTime.UTC()
		q.Signature.CriticalAttributes.AuthenticSigningTime = &at
	}
	q.Signature.UnprocessedAttributes = append([]string{}, p.critical...)
	for _, c := range info.CertificateChain {
		q.Signature.CertificateChain = append(q.Signature.CertificateChain, c.Raw)
	}
	q.TrustPolicy.TrustedIdentities, q.TrustPolicy.SignatureVerification = s.trusted, capabilities
	return json.Marshal(q)
}

// pluginAnswer is what a plugin found.
type pluginAnswer struct {
	results   map[string]pluginResult
	processed []string
}

type pluginResult struct {
	success bool
	reason  string
}

func (r pluginResult) why() string {
	if r.reason == "" {
		return "it gives no reason"
	}
	return r.reason
}

func parsePluginAnswer(raw []byte) (*pluginAnswer, error) {
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth, StrictSkip: true})
	a := &pluginAnswer{results: map[string]pluginResult{}}
	var fault error
	r.RequireObject()
	for name, ok := r.NextKey(); ok && fault == nil; name, ok = r.NextKey() {
		switch string(name) {
		case "verificationResults":
			r.RequireObject()
			for name, ok := r.NextKey(); ok && len(a.results) < maxPluginList; name, ok = r.NextKey() {
				capability, result, said := string(name), pluginResult{}, false
				r.RequireObject()
				for name, ok := r.NextKey(); ok; name, ok = r.NextKey() {
					switch string(name) {
					case "success":
						said = r.Kind() == jsonscan.Bool
						result.success = r.Bool()
					case "reason":
						result.reason = strings.Join(strings.Fields(r.String()), " ")
					default:
						r.Skip()
					}
				}
				if !said && r.Err() == nil {
					fault = ident.Errorf(ident.KindInvalid, "%.60q has no success, true or false", capability)
				}
				a.results[capability] = result
			}
		case "processedAttributes":
			if !r.Array() {
				continue // null, as plugins in Go write an empty list
			}
			for r.NextItem() && len(a.processed) < maxPluginList {
				a.processed = append(a.processed, r.RequireString())
			}
		default:
			r.Skip()
		}
	}
	if fault != nil {
		return nil, fault
	}
	return a, r.End()
}
