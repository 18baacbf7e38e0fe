package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/keyring"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// BenchmarkImageFacts asks a registry whose every answer takes 20 ms who vouches for an
// image: one signature by the last of fifteen keys. Each object is fetched once, whatever
// the number of keys.
func BenchmarkImageFacts(b *testing.B) {
	v := newVouching(b, true)
	i := v.reg.Image(b, "shop/web", "1")
	v.attach(i, v.sign(v.ours, i.Raw, synth.Signing{Key: v.key, NoLog: true, NoStamp: true}))
	in := v.byKey(i)
	for len(in.Verify.Keys) < 15 {
		in.Verify.Keys = append([]string{publicFile(b, v)}, in.Verify.Keys...)
	}
	v.answer(func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) })
	for b.Loop() {
		facts, err := (&Loader{}).ImageFacts(b.Context(), in)
		if err != nil || len(facts.Facts) != 1 {
			b.Fatalf("%v %+v", err, facts)
		}
	}
	b.ReportMetric(float64(v.asked("/"))/float64(b.N), "requests/op")
}

// publicFile writes the public half of a key that signs nothing.
func publicFile(b *testing.B, v *vouching) string {
	b.Helper()
	return v.file("key.pub", keyring.Public(b, keyring.All(b)["p256"]))
}
