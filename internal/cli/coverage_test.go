package cli

import (
	"strings"
	"testing"
)

const podText = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: app, image: "registry.example/shop/web:1"}]}
status: {containerStatuses: [{name: app, image: "registry.example/shop/web:1", imageID: "registry.example/shop/web@sha256:` + webDigest + `"}]}
`

const webDigest = "0000000000000000000000000000000000000000000000000000000000000001"

// What a cluster runs, what is known of it, and what must not be in it, from a shell.
func TestCoverageAndBlockedCommands(t *testing.T) {
	s := served(t)
	t.Setenv("COFFERDAM_SERVER", s.url)
	sbom := s.file("web.json", imageSBOM("web", 1, "pkg:npm/event-stream@3.3.6"))
	pod := s.file("pod.yaml", podText)
	admin := []string{"--token-file", s.dir + "/data/admin.token"}

	out, _ := s.run(0, "coverage")
	if !strings.Contains(out, "NOTHING RUNS") {
		t.Errorf("before anything is reported: %s", out)
	}
	s.run(2, "push")
	if _, said := s.run(2, "push", "-f", pod); !strings.Contains(said, "-f CLUSTER=") {
		t.Errorf("no cluster: %s", said)
	}
	out, _ = s.run(0, "push", "-f", "prod="+pod)
	if !strings.Contains(out, "prod") || !strings.Contains(out, "CONTAINERS") {
		t.Errorf("%s", out)
	}
	out, _ = s.run(4, "coverage")
	if !strings.Contains(out, "NOT COVERED: 0 of 1") || !strings.Contains(out, "MISSING (1)") || !strings.Contains(out, "prod:shop/web") {
		t.Errorf("%s", out)
	}
	s.run(3, "coverage", "--fail-on", "missing")
	s.run(4, "coverage", "--fail-on", "stale")
	s.run(2, "coverage", "--fail-on", "covered")
	s.run(0, "coverage", "--cluster", "elsewhere")

	s.run(0, "push", sbom)
	out, _ = s.run(0, "coverage", "--fail-on", "missing", "-o", "json")
	if !strings.Contains(out, `"covered": 1`) {
		t.Errorf("%s", out)
	}
	out, _ = s.run(0, "coverage", "--at", "2020-01-01T00:00:00Z")
	if !strings.Contains(out, "NOTHING RUNS") {
		t.Errorf("before it ran: %s", out)
	}

	out, _ = s.run(0, "history", "sha256:"+webDigest)
	if !strings.Contains(out, "1 document, 1 container running now") || !strings.Contains(out, "prod:shop/web") || !strings.Contains(out, "loopback") {
		t.Errorf("%s", out)
	}
	s.run(1, "history", "--by", "release", "v9")
	s.run(2, "history", "--by", "colour", "blue")
	s.run(2, "history")
	out, _ = s.run(0, "changes", "--since", "1h")
	if !strings.Contains(out, "document-added") || !strings.Contains(out, "inventory") {
		t.Errorf("%s", out)
	}
	_, after, _ := strings.Cut(out, "--after ")
	out, _ = s.run(0, "changes", "--after", strings.TrimSpace(after), "-o", "json")
	if strings.Contains(out, "document-added") {
		t.Errorf("after %s: %s", after, out)
	}
	s.run(2, "changes", "--since", "yesterday")

	out, _ = s.run(0, "blocked", "--fail-on", "any")
	if !strings.Contains(out, "NOTHING is blocked") {
		t.Errorf("%s", out)
	}
	list := s.file("blocked.yaml", "- {component: \"pkg:npm/event-stream@3.3.6\", reason: carries malware, ticket: SEC-1}\n")
	if _, said := s.run(2, "blocked", "set", "security", list); !strings.Contains(said, "triager") {
		t.Errorf("somebody who may not: %s", said)
	}
	s.run(1, append([]string{"blocked", "set", "security", s.file("bad.yaml", "- {package: x}\n")}, admin...)...)
	s.run(1, append([]string{"blocked", "set", "security", s.file("bad.yaml", "- {component: \"pkg:\", reason: x}\n")}, admin...)...)
	s.run(0, append([]string{"blocked", "set", "security", list}, admin...)...)
	out, _ = s.run(3, "blocked", "--fail-on", "running")
	if !strings.Contains(out, "RUNNING, and blocked") || !strings.Contains(out, "prod:shop/web") {
		t.Errorf("%s", out)
	}
	out, _ = s.run(3, "push", "--fail-on-blocked", sbom)
	if !strings.Contains(out, "BLOCKED (1)") || !strings.Contains(out, "SEC-1") {
		t.Errorf("%s", out)
	}
	s.run(0, "push", sbom)
	out, _ = s.run(0, "blocked", "--list", "other", "--fail-on", "any")
	if !strings.Contains(out, "NOTHING is blocked") {
		t.Errorf("%s", out)
	}
	s.run(2, "blocked", "--fail-on", "sometimes")
}
