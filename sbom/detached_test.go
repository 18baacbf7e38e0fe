package sbom

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/cofferdam-io/cofferdam/ident"
)

// fill gives every text, number and list in v something of its own.
func fill(v reflect.Value, text func() string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[ident.Digest]() {
			v.Set(reflect.ValueOf(ident.SHA256([]byte(text()))))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text)
		}
	}
}

// places collects where the bytes of all texts stand.
func places(v reflect.Value, at map[*byte]bool) {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			at[unsafe.StringData(v.String())] = true
		}
	case reflect.Slice:
		for i := range v.Len() {
			places(v.Index(i), at)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			places(v.Field(i), at)
		}
	}
}

// Every field is copied, also one that the model gets tomorrow, and none shares memory.
func TestDetached(t *testing.T) {
	var c Component
	n := 'a'
	fill(reflect.ValueOf(&c).Elem(), func() string { n++; return "text " + string(n) })
	got := c.Detached()
	want := c
	want.Pointer = ""
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	before, after := map[*byte]bool{}, map[*byte]bool{}
	places(reflect.ValueOf(c), before)
	places(reflect.ValueOf(got), after)
	if len(before) < 20 || len(after) < 20 {
		t.Fatalf("%d and %d texts", len(before), len(after))
	}
	for p := range after {
		if before[p] {
			t.Errorf("a text is shared")
		}
	}
	got.CPEs[0], got.Licenses[0].Expression = "other", "other"
	if c.CPEs[0] == "other" || c.Licenses[0].Expression == "other" {
		t.Error("a list is shared")
	}
	var d Details
	fill(reflect.ValueOf(&d).Elem(), func() string { n++; return "text " + string(n) })
	copied := d.Detached()
	if !reflect.DeepEqual(*copied, d) {
		t.Errorf("%+v\nwant %+v", copied, d)
	}
	clear(before)
	clear(after)
	places(reflect.ValueOf(d), before)
	places(reflect.ValueOf(*copied), after)
	for p := range after {
		if before[p] {
			t.Errorf("a text of the details is shared")
		}
	}
	if len(after) < 20 || (*Details)(nil).Detached() != nil {
		t.Errorf("%d texts of details", len(after))
	}
	if got := new(Component).Detached(); !reflect.DeepEqual(got, Component{}) {
		t.Errorf("%+v", got)
	}
}
