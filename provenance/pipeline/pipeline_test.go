package pipeline_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/provenance/pipeline"
)

// The environments as the systems set them, cut down to what bears on provenance and to
// what must not come into it: every value that holds "SECRET" is one.
var (
	gitHub = map[string]string{
		"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "shop/web", "GITHUB_REF": "refs/heads/main", "GITHUB_SHA": "6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d",
		"GITHUB_WORKFLOW_REF": "shop/web/.github/workflows/release.yml@refs/heads/main", "GITHUB_RUN_ID": "1234567890", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY_ID": "42",
		"GITHUB_REPOSITORY_OWNER_ID": "7", "RUNNER_ENVIRONMENT": "github-hosted", "GITHUB_ACTOR": "dev", "GITHUB_TOKEN": "ghs_SECRET", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "SECRET", "ACTIONS_RUNTIME_TOKEN": "SECRET", "NPM_TOKEN": "SECRET",
	}
	gitLab = map[string]string{
		"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_URL": "https://gitlab.example/shop/web", "CI_PROJECT_ID": "42", "CI_COMMIT_SHA": "6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d", "CI_COMMIT_REF_NAME": "v1.4", "CI_COMMIT_TAG": "v1.4",
		"CI_COMMIT_REF_PROTECTED": "true", "CI_JOB_NAME": "build", "CI_JOB_URL": "https://gitlab.example/shop/web/-/jobs/99", "CI_JOB_STARTED_AT": "2026-11-20T10:00:00Z", "CI_JOB_IMAGE": "golang:1.26", "CI_PIPELINE_SOURCE": "push",
		"CI_PIPELINE_URL": "https://gitlab.example/shop/web/-/pipelines/5", "CI_CONFIG_PATH": ".gitlab-ci.yml", "CI_RUNNER_ID": "12", "CI_RUNNER_VERSION": "18.5.0", "CI_RUNNER_EXECUTABLE_ARCH": "linux/amd64", "CI_SERVER_VERSION": "18.5.1",
		"CI_REPOSITORY_URL": "https://gitlab-ci-token:SECRET@gitlab.example/shop/web.git", "CI_JOB_TOKEN": "SECRET", "CI_REGISTRY_PASSWORD": "SECRET", "SIGSTORE_ID_TOKEN": "SECRET",
	}
	jenkins = map[string]string{
		"JENKINS_URL": "https://jenkins.example/", "BUILD_URL": "https://jenkins.example/job/web/17/", "BUILD_NUMBER": "17", "JOB_NAME": "web", "NODE_NAME": "agent-3", "EXECUTOR_NUMBER": "1",
		"GIT_URL": "https://bot:SECRET@git.example/shop/web.git", "GIT_COMMIT": "6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d", "GIT_BRANCH": "origin/main", "DOCKER_PASS": "SECRET",
	}
	tekton = map[string]string{
		"TEKTON_TASK_RUN": "web-build-x7k2p", "TEKTON_TASK_RUN_UID": "1b2c", "TEKTON_NAMESPACE": "ci", "TEKTON_PIPELINE": "web", "TEKTON_PIPELINE_RUN": "web-x7k2p", "TEKTON_PIPELINE_RUN_UID": "9f8e", "TEKTON_TASK": "build",
		"TEKTON_SOURCE_URL": "https://git.example/shop/web", "TEKTON_SOURCE_COMMIT": "6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d", "GIT_PASSWORD": "SECRET",
	}
)

func TestSystems(t *testing.T) {
	end := time.Date(2026, 11, 20, 10, 5, 0, 0, time.UTC)
	for _, tc := range []struct {
		name   string
		env    map[string]string
		o      pipeline.Options
		system pipeline.System
		want   string
	}{
		{"GitHub", gitHub, pipeline.Options{Finished: end}, pipeline.GitHub, `{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1",
			"externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/shop/web","path":".github/workflows/release.yml"}},
			"internalParameters":{"github":{"event_name":"push","repository_id":"42","repository_owner_id":"7","runner_environment":"github-hosted"}},
			"resolvedDependencies":[{"uri":"git+https://github.com/shop/web@refs/heads/main","digest":{"gitCommit":"6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d"}}]},
			"runDetails":{"builder":{"id":"https://github.com/shop/web/.github/workflows/release.yml@refs/heads/main"},
			"metadata":{"invocationId":"https://github.com/shop/web/actions/runs/1234567890/attempts/2","finishedOn":"2026-11-20T10:05:00Z"}}}`},
		{"GitLab", gitLab, pipeline.Options{Finished: end}, pipeline.GitLab, `{"buildDefinition":{"buildType":"https://cofferdam.dev/buildtypes/gitlab-ci/v1",
			"externalParameters":{"source":"https://gitlab.example/shop/web","ref":"v1.4","entryPoint":"build","configuration":".gitlab-ci.yml","pipelineSource":"push","pipeline":"https://gitlab.example/shop/web/-/pipelines/5"},
			"internalParameters":{"gitlab":{"image":"golang:1.26","runnerVersion":"18.5.0","architecture":"linux/amd64","refProtected":"true","projectId":"42","serverVersion":"18.5.1"}},
			"resolvedDependencies":[{"uri":"git+https://gitlab.example/shop/web@refs/tags/v1.4","digest":{"gitCommit":"6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d"}}]},
			"runDetails":{"builder":{"id":"https://gitlab.example/shop/web/-/runners/12"},
			"metadata":{"invocationId":"https://gitlab.example/shop/web/-/jobs/99","startedOn":"2026-11-20T10:00:00Z","finishedOn":"2026-11-20T10:05:00Z"}}}`},
		{"Jenkins", jenkins, pipeline.Options{}, pipeline.Jenkins, `{"buildDefinition":{"buildType":"https://cofferdam.dev/buildtypes/jenkins/v1","externalParameters":{"job":"web","branch":"origin/main"},
			"internalParameters":{"jenkins":{"buildNumber":"17","node":"agent-3","executor":"1"}},
			"resolvedDependencies":[{"uri":"git+https://git.example/shop/web.git@origin/main","digest":{"gitCommit":"6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d"}}]},
			"runDetails":{"builder":{"id":"https://jenkins.example"},"metadata":{"invocationId":"https://jenkins.example/job/web/17/"}}}`},
		{"Tekton", tekton, pipeline.Options{BuilderID: "https://tekton.shop.example"}, pipeline.Tekton, `{"buildDefinition":{"buildType":"https://cofferdam.dev/buildtypes/tekton/v1","externalParameters":{"pipeline":"web","task":"build"},
			"internalParameters":{"tekton":{"pipelineRun":"web-x7k2p","pipelineRunUID":"9f8e","taskRunUID":"1b2c"}},
			"resolvedDependencies":[{"uri":"git+https://git.example/shop/web","digest":{"gitCommit":"6f1d3f9d3c3b1f6a4e0e8a2b7c5d4e3f2a1b0c9d"}}]},
			"runDetails":{"builder":{"id":"https://tekton.shop.example"},"metadata":{"invocationId":"tekton:ci/web-build-x7k2p"}}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := pipeline.Read(tc.env, tc.o)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := b.Predicate()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(raw)+strings.Join(b.Unproven, ""), "SECRET") {
				t.Errorf("a secret is in it: %s", raw)
			}
			var got, want any
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tc.want), &want); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" || b.System != tc.system || len(b.Unproven) == 0 {
				t.Errorf("%s: %v\n%s", b.System, b.Unproven, d)
			}
			s := provenance.Statement{PredicateType: provenance.SLSAProvenanceV1, Predicate: raw, Subjects: []provenance.Subject{provenance.SubjectOf("web", ident.SHA256(nil))}}
			if _, err := s.Write(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWorkflowOfTheToken: what an OIDC token says of the workflow goes before what the
// variables say, and is no longer unproved.
func TestWorkflowOfTheToken(t *testing.T) {
	b, err := pipeline.Read(gitHub, pipeline.Options{WorkflowRef: "shop/builders/.github/workflows/go.yml@refs/tags/v2"})
	if err != nil || b.BuilderID != "https://github.com/shop/builders/.github/workflows/go.yml@refs/tags/v2" || strings.Contains(strings.Join(b.Unproven, ""), "which workflow") {
		t.Errorf("%+v %v", b, err)
	}
}

// TestLacking: each variable that provenance cannot do without is named where it is away.
func TestLacking(t *testing.T) {
	for name, env := range map[string]map[string]string{"GITHUB_SHA": gitHub, "GITHUB_WORKFLOW_REF": gitHub, "CI_COMMIT_SHA": gitLab, "CI_RUNNER_ID": gitLab, "BUILD_URL": jenkins, "GIT_COMMIT": jenkins, "TEKTON_SOURCE_COMMIT": tekton} {
		env = maps.Clone(env)
		delete(env, name)
		if _, err := pipeline.Read(env, pipeline.Options{BuilderID: "https://x.example"}); ident.KindOf(err) != ident.KindInvalid || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pipeline.Read(tekton, pipeline.Options{}); ident.KindOf(err) != ident.KindInvalid {
		t.Error(err)
	}
	if _, err := pipeline.Read(map[string]string{"PATH": "/bin"}, pipeline.Options{}); ident.KindOf(err) != ident.KindUsage {
		t.Error(err)
	}
}

// TestWrap: a command is written down, and its secrets are not.
func TestWrap(t *testing.T) {
	env := map[string]string{"NPM_TOKEN": "npm_123456", "PATH": "/usr/bin", "SHORT_KEY": "abc"}
	r := pipeline.Run{Args: []string{"make", "abc", "/usr/bin/x"}, BuilderID: "https://x.example", Commit: "6f1d", Repository: "https://bot:pw@git.example/web", Changed: true}
	b, err := pipeline.Wrap(r, env)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Predicate()
	if err != nil || strings.Contains(string(raw), "bot") || !strings.Contains(string(raw), `"command":["make","abc","/usr/bin/x"]`) || !strings.Contains(string(raw), `"changed":true`) ||
		!slices.ContainsFunc(b.Unproven, func(s string) bool { return strings.Contains(s, "in no commit") }) {
		t.Errorf("%s %v %v", raw, b.Unproven, err)
	}
	r.Args = append(r.Args, "--token=npm_123456")
	if _, err := pipeline.Wrap(r, env); ident.KindOf(err) != ident.KindUsage || !strings.Contains(err.Error(), "NPM_TOKEN") || strings.Contains(err.Error(), "npm_1") {
		t.Error(err)
	}
	r.Args, r.Commit = []string{"make"}, ""
	if b, err := pipeline.Wrap(r, env); err != nil || len(b.Dependencies) != 0 || !strings.Contains(strings.Join(b.Unproven, ""), "no Git") {
		t.Errorf("%+v %v", b, err)
	}
	r.Commit, r.Repository = "6f1d", ""
	if b, err := pipeline.Wrap(r, env); err != nil || len(b.Dependencies) != 1 || b.Dependencies[0].URI != "" {
		t.Errorf("%+v %v", b, err)
	}
	r.BuilderID = ""
	if _, err := pipeline.Wrap(r, env); ident.KindOf(err) != ident.KindUsage {
		t.Error(err)
	}
}

// FuzzAddress: no address that an environment holds keeps a password.
func FuzzAddress(f *testing.F) {
	f.Add("https://a:SECRET@host/x")
	f.Add("://SECRET@")
	f.Fuzz(func(t *testing.T, s string) {
		env := maps.Clone(jenkins)
		env["GIT_URL"] = "https://bot:hunter2@" + s
		b, err := pipeline.Read(env, pipeline.Options{})
		if err != nil {
			return
		}
		raw, err := b.Predicate()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "hunter2") && !strings.Contains(s, "hunter2") {
			t.Errorf("%s", raw)
		}
	})
}
