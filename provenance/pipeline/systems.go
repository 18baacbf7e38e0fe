package pipeline

import (
	"strings"
	"time"
)

// gitHub reads the default variables of a GitHub Actions job.
func gitHub(e environment, o Options) *Build {
	server, repository := e.need("GITHUB_SERVER_URL"), e.need("GITHUB_REPOSITORY")
	ref, commit := e.need("GITHUB_REF"), e.need("GITHUB_SHA")
	home := strings.TrimRight(withoutPassword(server), "/") + "/" + repository
	workflow := e.need("GITHUB_WORKFLOW_REF") // owner/repository/path@ref
	file, workflowRef, _ := strings.Cut(workflow, "@")
	path := strings.TrimPrefix(file, repository+"/")
	b := &Build{System: GitHub, Type: gitHubType,
		InvocationID: home + "/actions/runs/" + e.need("GITHUB_RUN_ID") + "/attempts/" + e.need("GITHUB_RUN_ATTEMPT"),
		External:     map[string]any{"workflow": map[string]any{"ref": workflowRef, "repository": home, "path": path}},
		Internal: map[string]any{"github": filled(map[string]string{"event_name": e.get("GITHUB_EVENT_NAME"), "repository_id": e.get("GITHUB_REPOSITORY_ID"),
			"repository_owner_id": e.get("GITHUB_REPOSITORY_OWNER_ID"), "runner_environment": e.get("RUNNER_ENVIRONMENT")})},
		Dependencies: []Dependency{source(home, ref, commit)},
	}
	builder := o.WorkflowRef
	if builder == "" {
		builder = workflow
		b.Unproven = append(b.Unproven, "which workflow builds, where one calls another: the variables name the calling one, an OIDC token the called one")
	}
	b.BuilderID = strings.TrimRight(withoutPassword(server), "/") + "/" + builder
	if e.get("RUNNER_ENVIRONMENT") != "github-hosted" {
		b.Unproven = append(b.Unproven, "that the runner is isolated: it is not GitHub's own")
	}
	b.Unproven = append(b.Unproven, "that no earlier step of the job changed the sources or these variables")
	return b
}

// gitLab reads the predefined variables of a GitLab CI job. CI_REPOSITORY_URL, which
// holds the job's token, is not among them.
func gitLab(e environment) *Build {
	project := strings.TrimRight(withoutPassword(e.need("CI_PROJECT_URL")), "/")
	ref := e.get("CI_COMMIT_REF_NAME")
	kind := "refs/heads/"
	if e.get("CI_COMMIT_TAG") != "" {
		kind = "refs/tags/"
	}
	b := &Build{System: GitLab, Type: gitLabType, BuilderID: project + "/-/runners/" + e.need("CI_RUNNER_ID"), InvocationID: withoutPassword(e.need("CI_JOB_URL")),
		External: filled(map[string]string{"source": project, "ref": ref, "entryPoint": e.need("CI_JOB_NAME"), "configuration": e.get("CI_CONFIG_PATH"), "pipelineSource": e.get("CI_PIPELINE_SOURCE"), "pipeline": e.address("CI_PIPELINE_URL")}),
		Internal: map[string]any{"gitlab": filled(map[string]string{"image": e.get("CI_JOB_IMAGE"), "runnerVersion": e.get("CI_RUNNER_VERSION"), "architecture": e.get("CI_RUNNER_EXECUTABLE_ARCH"),
			"refProtected": e.get("CI_COMMIT_REF_PROTECTED"), "projectId": e.get("CI_PROJECT_ID"), "serverVersion": e.get("CI_SERVER_VERSION")})},
		Dependencies: []Dependency{source(project, kind+ref, e.need("CI_COMMIT_SHA"))},
	}
	if t, err := time.Parse(time.RFC3339, e.get("CI_JOB_STARTED_AT")); err == nil {
		b.Started = t
	}
	if e.get("CI_COMMIT_REF_PROTECTED") != "true" {
		b.Unproven = append(b.Unproven, "who may start this build: the branch or tag is not protected")
	}
	b.Unproven = append(b.Unproven, "that the runner is isolated, and that no earlier command of the job changed the sources or these variables")
	return b
}

// jenkins reads what Jenkins and its Git plugin set.
func jenkins(e environment) *Build {
	home := strings.TrimRight(withoutPassword(e.need("JENKINS_URL")), "/")
	b := &Build{System: Jenkins, Type: jenkinsType, BuilderID: home, InvocationID: withoutPassword(e.need("BUILD_URL")),
		External: filled(map[string]string{"job": e.need("JOB_NAME"), "branch": e.get("GIT_BRANCH"), "change": e.get("CHANGE_ID")}),
		Internal: map[string]any{"jenkins": filled(map[string]string{"buildNumber": e.get("BUILD_NUMBER"), "node": e.get("NODE_NAME"), "executor": e.get("EXECUTOR_NUMBER")})},
	}
	if repository := e.address("GIT_URL"); repository != "" {
		b.Dependencies = []Dependency{source(repository, e.get("GIT_BRANCH"), e.need("GIT_COMMIT"))}
	} else {
		b.Unproven = append(b.Unproven, "what was built: the job has no GIT_URL")
	}
	b.Unproven = append(b.Unproven, "anything at all: whoever may edit the job, its agents or its plugins may set these variables, and only a signature by Jenkins itself would show that they did not")
	return b
}

// tekton reads what the task of deploy/ci/tekton sets from its context: Tekton itself
// sets no variables.
func tekton(e environment, o Options) *Build {
	b := &Build{System: Tekton, Type: tektonType, BuilderID: o.BuilderID,
		InvocationID: "tekton:" + e.need("TEKTON_NAMESPACE") + "/" + e.need("TEKTON_TASK_RUN"),
		External:     filled(map[string]string{"pipeline": e.get("TEKTON_PIPELINE"), "task": e.get("TEKTON_TASK")}),
		Internal:     map[string]any{"tekton": filled(map[string]string{"pipelineRun": e.get("TEKTON_PIPELINE_RUN"), "pipelineRunUID": e.get("TEKTON_PIPELINE_RUN_UID"), "taskRunUID": e.get("TEKTON_TASK_RUN_UID")})},
		Unproven:     []string{"anything at all: the task's own steps pass these variables on; Tekton Chains, which watches from outside, proves more"},
	}
	if repository := e.address("TEKTON_SOURCE_URL"); repository != "" {
		b.Dependencies = []Dependency{source(repository, "", e.need("TEKTON_SOURCE_COMMIT"))}
	} else {
		b.Unproven = append(b.Unproven, "what was built: TEKTON_SOURCE_URL is not set")
	}
	return b
}
