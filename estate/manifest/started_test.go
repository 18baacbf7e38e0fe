package manifest

import (
	"context"
	"testing"
	"time"
)

func TestPodStartedIsReadWhereItIsATime(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop}\nstatus:\n  podIP: 10.0.0.1\n"
	for text, want := range map[string]time.Time{
		"": {},
		"  startTime: \"2026-11-20T10:00:00Z\"\n": time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"  startTime: 2026-11-20T10:00:00Z\n":     time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"  startTime: yesterday\n":                {},
	} {
		set, err := Decode(context.Background(), []Input{{Name: "pod.yaml", Data: []byte(pod + text)}}, Options{})
		if err != nil || len(set.Estate.Pods) != 1 || len(set.Estate.Faults) != 0 {
			t.Fatalf("%q: %v %v", text, err, set.Estate.Faults)
		}
		if got := set.Estate.Pods[0].Started; !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
