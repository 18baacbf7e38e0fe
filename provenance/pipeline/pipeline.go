package pipeline

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// System is a CI system.
type System string

// The systems whose environments are read.
const (
	GitHub  System = "GitHub Actions"
	GitLab  System = "GitLab CI"
	Jenkins System = "Jenkins"
	Tekton  System = "Tekton"
	Command System = "a wrapped command"
)

// The types of builds. GitHub's is the one that its own actions write.
const (
	gitHubType  = "https://actions.github.io/buildtypes/workflow/v1"
	gitLabType  = "https://cofferdam.dev/buildtypes/gitlab-ci/v1"
	jenkinsType = "https://cofferdam.dev/buildtypes/jenkins/v1"
	tektonType  = "https://cofferdam.dev/buildtypes/tekton/v1"
	commandType = "https://cofferdam.dev/buildtypes/command/v1"
)

// Build is what is known of a build (SLSA provenance v1, in its own words).
type Build struct {
	System       System
	Type         string
	BuilderID    string
	InvocationID string
	External     map[string]any // externalParameters: under the control of who started it
	Internal     map[string]any // internalParameters: set by the platform
	Dependencies []Dependency   // resolvedDependencies
	Started      time.Time      // zero: not known
	Finished     time.Time
	// Unproven are sentences about what the environment says and cannot prove.
	Unproven []string
}

// Dependency is an input of a build.
type Dependency struct {
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// Options of Read.
type Options struct {
	BuilderID string // instead of the one that the environment names; Tekton needs it
	// WorkflowRef is the workflow of a GitHub job as its OIDC token names it: the called
	// one where a workflow calls another, which no variable tells.
	WorkflowRef string
	Finished    time.Time // zero: not known
}

// Read finds out which system an environment is of. An environment of none is an error
// of KindUsage, and one that lacks what provenance cannot do without is of KindInvalid.
func Read(env map[string]string, o Options) (*Build, error) {
	var b *Build
	var lacks []string
	e := environment{env, &lacks}
	switch {
	case env["GITHUB_ACTIONS"] == "true":
		b = gitHub(e, o)
	case env["GITLAB_CI"] == "true":
		b = gitLab(e)
	case env["TEKTON_TASK_RUN"] != "":
		b = tekton(e, o)
	case env["JENKINS_URL"] != "":
		b = jenkins(e)
	default:
		return nil, ident.Errorf(ident.KindUsage, "this is the environment of no CI system that is known").
			WithHint("GitHub Actions, GitLab CI, Jenkins and Tekton are; --wrap -- COMMAND runs a build and writes down what it can, --predicate FILE takes provenance that is there")
	}
	if o.BuilderID != "" {
		b.BuilderID = o.BuilderID
	}
	if len(lacks) > 0 {
		return nil, ident.Errorf(ident.KindInvalid, "the environment of %s lacks %s", b.System, strings.Join(lacks, ", ")).WithHint("is it passed on to this step? docs/pipelines.md lists what is read")
	}
	if b.BuilderID == "" {
		return nil, ident.Errorf(ident.KindInvalid, "the environment of %s does not say who builds", b.System).WithHint("--builder-id URI names the build platform, as policies are to expect it")
	}
	b.Finished = o.Finished
	return b, nil
}

// environment reads named variables; what must be there and is not, is written down.
type environment struct {
	vars  map[string]string
	lacks *[]string
}

func (e environment) get(name string) string { return strings.ToValidUTF8(e.vars[name], "?") }

func (e environment) need(name string) string {
	v := e.get(name)
	if v == "" {
		*e.lacks = append(*e.lacks, name)
	}
	return v
}

// address is a variable that holds an address, without a password in it.
func (e environment) address(name string) string { return withoutPassword(e.get(name)) }

// withoutPassword takes out of an address who asks: https://user:token@host is what
// many jobs clone from.
func withoutPassword(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		if _, after, ok := strings.Cut(s, "://"); ok { // an address that cannot be read
			_, host, _ := strings.Cut(after, "@")
			return host
		}
		return s // git@host:path, which holds no secret
	}
	u.User = nil
	return u.String()
}

// source is the checked-out commit as a dependency.
func source(repository, ref, commit string) Dependency {
	var d Dependency
	if repository != "" { // a commit without one is still a commit
		d.URI = "git+" + strings.TrimSuffix(repository, "/")
		if ref != "" {
			d.URI += "@" + ref
		}
	}
	if commit != "" {
		d.Digest = map[string]string{"gitCommit": commit}
	}
	return d
}

// filled drops what is not known, so that nothing stands there as if it were.
func filled(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if v != "" {
			out[k] = v
		}
	}
	return out
}

// Predicate writes the provenance (SLSA v1, schema of the predicate).
func (b *Build) Predicate() ([]byte, error) {
	meta := map[string]any{}
	if b.InvocationID != "" {
		meta["invocationId"] = b.InvocationID
	}
	if !b.Started.IsZero() {
		meta["startedOn"] = b.Started.UTC().Format(time.RFC3339)
	}
	if !b.Finished.IsZero() {
		meta["finishedOn"] = b.Finished.UTC().Format(time.RFC3339)
	}
	definition := map[string]any{"buildType": b.Type, "externalParameters": b.External}
	if len(b.Internal) > 0 {
		definition["internalParameters"] = b.Internal
	}
	if len(b.Dependencies) > 0 {
		definition["resolvedDependencies"] = b.Dependencies
	}
	return json.Marshal(map[string]any{"buildDefinition": definition, "runDetails": map[string]any{"builder": map[string]any{"id": b.BuilderID}, "metadata": meta}})
}
