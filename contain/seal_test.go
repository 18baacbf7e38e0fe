package contain_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
)

// TestEveryByteCounts: a folder of which one byte was changed, a file taken away or
// one added to what is applied, is never taken for the one that was written.
func TestEveryByteCounts(t *testing.T) {
	var plan *contain.Plan
	for seed := uint64(0); plan == nil; seed++ {
		p, err := contain.Make(context.Background(), small(t, seed))
		if err == nil && !p.Contained {
			plan = p
		}
	}
	folder, err := plan.Folder([]byte("# for people\n"))
	if err != nil {
		t.Fatal(err)
	}
	opened := func(folder []contain.File) bool {
		_, faults, err := contain.Open(folder)
		return err == nil && len(faults) == 0
	}
	if !opened(folder) {
		t.Fatal("the folder is refused as it was written")
	}
	for i, f := range folder {
		step := max(1, len(f.Data)/25)
		for at := 0; at < len(f.Data); at += step {
			changed := slices.Clone(folder)
			changed[i].Data = bytes.Clone(f.Data)
			if changed[i].Data[at] ^= 1; opened(changed) {
				t.Fatalf("%s with byte %d changed is the plan that was written", f.Name, at)
			}
		}
		if opened(slices.Delete(slices.Clone(folder), i, i+1)) {
			t.Errorf("without %s it is the plan that was written", f.Name)
		}
	}
	if opened(append(slices.Clone(folder), contain.File{Name: "apply/more.yaml"})) {
		t.Error("with a file more it is the plan that was written")
	}
	if !opened(append(slices.Clone(folder), contain.File{Name: "NOTES.md"})) {
		t.Error("a note beside it is not the plan's")
	}
}
