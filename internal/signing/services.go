package signing

import (
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Services are where a signature is certified, logged and stamped. What is empty is not
// asked: a key needs none of them, a certificate needs Fulcio and somebody who vouches
// for the time.
type Services struct {
	Fulcio   string
	Logs     []Log
	Stampers []string // addresses of timestamp authorities, with their paths
}

// Log is a transparency log.
type Log struct {
	Address    string
	Generation uint32 // of Rekor: 1 or 2
}

// ConfigFile is the name of the public good's signing configuration in its TUF
// repository.
const ConfigFile = "signing_config.v0.2.json"

// ParseConfig reads a signing configuration of Sigstore's (signingconfig.v0.2+json), and
// picks the services that are in service at a time, by the rules that it states.
func ParseConfig(raw []byte, at time.Time) (Services, error) {
	var out Services
	bad := func(err error) (Services, error) {
		return Services{}, ident.Errorf(ident.KindFailure, "the signing configuration cannot be used: %w", err).WithHint("cosign signing-config create writes one")
	}
	config, err := root.NewSigningConfigFromJSON(raw)
	if err != nil {
		return bad(err)
	}
	if cas := config.FulcioCertificateAuthorityURLs(); len(cas) > 0 {
		s, err := root.SelectService(cas, []uint32{1}, at)
		if err != nil {
			return bad(err)
		}
		out.Fulcio = s.URL
	}
	if logs := config.RekorLogURLs(); len(logs) > 0 {
		picked, err := root.SelectServices(logs, config.RekorLogURLsConfig(), []uint32{1, 2}, at)
		if err != nil {
			return bad(err)
		}
		for _, s := range picked {
			out.Logs = append(out.Logs, Log{s.URL, s.MajorAPIVersion})
		}
	}
	if stampers := config.TimestampAuthorityURLs(); len(stampers) > 0 {
		picked, err := root.SelectServices(stampers, config.TimestampAuthorityURLsConfig(), []uint32{1}, at)
		if err != nil {
			return bad(err)
		}
		for _, s := range picked {
			out.Stampers = append(out.Stampers, s.URL)
		}
	}
	return out, nil
}
