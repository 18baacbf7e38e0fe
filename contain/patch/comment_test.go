package patch_test

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/patch"
)

func TestCommentStaysOneLine(t *testing.T) {
	for why, want := range map[string]string{
		"cuts shop/web → payments/api":      "# cuts shop/web → payments/api\n",
		"a\nkind: Secret\r\u2028b\x00":      "# a?kind: Secret??b?\n",
		"no break \u00a0, \u0085 or \u202e": "# no break ?, ? or ?\n",
	} {
		if got := string(patch.Comment(why)); got != want {
			t.Errorf("Comment(%q) = %q, want %q", why, got, want)
		}
	}
}
