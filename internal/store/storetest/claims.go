package storetest

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// What only the sender says of an artifact is a name of the document, and joins
// nothing that has digests of its own.
func claims(t *testing.T, s store.Store, _ *Dictionary) {
	old, stranger := Doc(1, "a"), Doc(3, "c")
	old.Subject.Claimed = Manifest(2)
	stranger.Subject.Digests, stranger.Subject.Claimed = nil, Manifest(2)
	r := Commit(t, s, Doc(2, "b"), old, stranger)
	if r[1].Artifact == r[0].Artifact || r[2].Artifact != r[0].Artifact {
		t.Errorf("artifacts %d, %d, %d", r[0].Artifact, r[1].Artifact, r[2].Artifact)
	}
	if ids := must(s.Named(t.Context(), "acme", store.ByDigest, Manifest(2).String(), -1, 9))(t); len(ids) != 3 {
		t.Errorf("the claimed digest finds %v", ids)
	}
	again := Doc(1, "a")
	again.Subject.Claimed = Manifest(4) // the same bytes for yet another image
	if r := Commit(t, s, old, again); !r[0].Duplicate || r[1].Duplicate {
		t.Errorf("handed over again: %+v", r)
	}
	one, two := Doc(5, "a"), Doc(6, "a")
	one.Subject.Serial, two.Subject.Serial = "urn:uuid:5", "urn:uuid:5"
	Commit(t, s, one, two)
	if ids := must(s.Named(t.Context(), "acme", store.BySerial, "urn:uuid:5", -1, 9))(t); len(ids) != 2 {
		t.Errorf("the serial number finds %v", ids)
	}
}
