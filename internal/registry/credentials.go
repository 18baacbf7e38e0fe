package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Credential is who we are to a registry. The zero value is nobody.
type Credential struct {
	Username, Password string
	IdentityToken      string // exchanged for access tokens by OAuth 2
	RegistryToken      string // sent as it is
}

// IsZero reports whether c is nobody's.
func (c Credential) IsZero() bool { return c == Credential{} }

// Credentials says who we are to which registry. It may be asked by many goroutines at
// once. An error means that it is not known whether there is a credential, which is
// not the same as none: the request is then not made.
type Credentials interface {
	For(ctx context.Context, registry, repository string) (Credential, error)
}

// Config is a file of credentials: Docker's config.json, also in the form that
// Kubernetes keeps in pull secrets, and that podman writes.
type Config struct {
	auths   map[string]Credential // by host, or host and path
	helpers map[string]string     // by host
	store   string                // the helper for all others; "" for none
}

// maxConfig bounds a file of credentials.
const maxConfig = 1 << 20

// ParseConfig reads a file of credentials: Docker's config.json (Kubernetes:
// .dockerconfigjson), the older .dockercfg, or a Secret that holds either.
func ParseConfig(raw []byte) (*Config, error) {
	if len(raw) > maxConfig {
		return nil, ident.Errorf(ident.KindLimit, "a file of registry credentials has %d bytes, more than %d", len(raw), maxConfig)
	}
	var top struct {
		Kind        string               `json:"kind"`
		Data        map[string][]byte    `json:"data"`
		Auths       map[string]authEntry `json:"auths"`
		CredHelpers map[string]string    `json:"credHelpers"`
		CredsStore  string               `json:"credsStore"`
	}
	// What went wrong is told without the file's content: it holds secrets.
	malformed := ident.Errorf(ident.KindInvalid, "the registry credentials are malformed JSON").
		WithHint("docker login writes such a file; Kubernetes keeps it in secrets of type kubernetes.io/dockerconfigjson")
	if err := json.Unmarshal(raw, &top); err != nil {
		return nil, malformed
	}
	if top.Kind == "Secret" {
		for _, key := range []string{".dockerconfigjson", ".dockercfg"} {
			if inner, ok := top.Data[key]; ok && !isSecret(inner) {
				return ParseConfig(inner)
			}
		}
		return nil, ident.Errorf(ident.KindInvalid, "the Secret holds no registry credentials").WithHint("its type is kubernetes.io/dockerconfigjson where it does")
	}
	auths := top.Auths
	if auths == nil && top.CredHelpers == nil && top.CredsStore == "" {
		// .dockercfg is what stands under auths elsewhere.
		var bare map[string]json.RawMessage
		if err := json.Unmarshal(raw, &bare); err != nil {
			return nil, malformed
		}
		auths = map[string]authEntry{}
		for host, text := range bare {
			var a authEntry
			if json.Unmarshal(text, &a) == nil && a != (authEntry{}) {
				auths[host] = a
			}
		}
	}
	c := &Config{auths: map[string]Credential{}, helpers: map[string]string{}, store: top.CredsStore}
	for host, a := range auths {
		cred, err := a.credential()
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "the registry credentials for %.100q are malformed", host)
		}
		if !cred.IsZero() {
			c.auths[configKey(host)] = cred
		}
	}
	for host, name := range top.CredHelpers {
		c.helpers[configKey(host)] = name
	}
	return c, nil
}

func isSecret(raw []byte) bool {
	var k struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(raw, &k) == nil && k.Kind == "Secret"
}

type authEntry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

func (a authEntry) credential() (Credential, error) {
	c := Credential{Username: a.Username, Password: a.Password, IdentityToken: a.IdentityToken, RegistryToken: a.RegistryToken}
	if a.Auth != "" {
		b, err := base64.StdEncoding.DecodeString(a.Auth)
		if err != nil {
			if b, err = base64.RawStdEncoding.DecodeString(a.Auth); err != nil {
				return c, err
			}
		}
		user, password, ok := strings.Cut(strings.TrimRight(string(b), "\x00"), ":")
		if !ok {
			return c, errors.New("no colon")
		}
		c.Username, c.Password = user, password
	}
	return c, nil
}

// dockerHub is what a file of credentials calls docker.io.
const dockerHub = "https://index.docker.io/v1/"

// configKey is a host, or host and path, as a file of credentials names it, without
// what older versions put around it.
func configKey(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	s = strings.TrimRight(s, "/")
	for _, version := range []string{"/v1", "/v2"} {
		s = strings.TrimSuffix(s, version)
	}
	host, rest, deeper := strings.Cut(s, "/")
	switch host = strings.ToLower(host); host {
	case "index.docker.io", "registry-1.docker.io":
		host = "docker.io"
	}
	if deeper {
		return host + "/" + rest
	}
	return host
}

// For finds the credential for a repository: that of the longest path which contains
// it, then the host's own, then one whose host has wildcards (as in Kubernetes, one for
// each label). Helpers are asked only where the file names them.
func (c *Config) For(ctx context.Context, registry, repository string) (Credential, error) {
	host := configKey(registry)
	for p := host + "/" + repository; len(p) > len(host); p = p[:strings.LastIndexByte(p, '/')] {
		if cred, ok := c.auths[p]; ok {
			return cred, nil
		}
	}
	helper, ok := c.helpers[host]
	if !ok {
		helper = c.store
	}
	if helper != "" {
		server := host
		if host == "docker.io" {
			server = dockerHub
		}
		cred, err := runHelper(ctx, helper, server)
		if err != nil || !cred.IsZero() {
			return cred, err
		}
	}
	if cred, ok := c.auths[host]; ok {
		return cred, nil
	}
	for pattern, cred := range c.auths {
		if strings.ContainsRune(pattern, '*') && matches(pattern, host) {
			return cred, nil
		}
	}
	return Credential{}, nil
}

// matches compares hosts label by label: "*.example" is "a.example", not "a.b.example".
func matches(pattern, host string) bool {
	p, h := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(p) != len(h) {
		return false
	}
	for i := range p {
		if ok, err := path.Match(p[i], h[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// ReadConfig reads a file of credentials that somebody named.
func ReadConfig(file string) (*Config, error) {
	b, err := os.ReadFile(file) // #nosec G304 -- the user's own file
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the registry credentials cannot be read: %w", err)
	}
	c, err := ParseConfig(b)
	var own *ident.Error
	if errors.As(err, &own) {
		return nil, own.At(file)
	}
	return c, err
}

// UserConfig reads the credentials of whoever runs the program, where Docker and podman
// look for them: $DOCKER_CONFIG/config.json, else ~/.docker/config.json, else
// $REGISTRY_AUTH_FILE, else $XDG_RUNTIME_DIR/containers/auth.json. Where there is none
// we are nobody; one that cannot be read is an error.
func UserConfig(getenv func(string) string) (*Config, error) {
	docker := getenv("DOCKER_CONFIG")
	if docker == "" && getenv("HOME") != "" {
		docker = filepath.Join(getenv("HOME"), ".docker")
	}
	var files []string
	if docker != "" {
		files = append(files, filepath.Join(docker, "config.json"))
	}
	if f := getenv("REGISTRY_AUTH_FILE"); f != "" {
		files = append(files, f)
	}
	if d := getenv("XDG_RUNTIME_DIR"); d != "" {
		files = append(files, filepath.Join(d, "containers", "auth.json"))
	}
	for _, f := range files {
		c, err := ReadConfig(f)
		if !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
	}
	return &Config{}, nil
}
