package osv

import (
	"strconv"
	"strings"
)

// Where returns file, member, line and pointer as far as they are known:
// "all.zip!GO-2023-2102.json:1#/affected/0".
func (f Fault) Where() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Member != "" {
		b.WriteString("!" + f.Member)
	}
	if f.Line > 0 {
		b.WriteString(":" + strconv.Itoa(f.Line))
	}
	if f.Pointer != "" {
		b.WriteString("#" + f.Pointer)
	}
	return b.String()
}

// Error returns Where and the message.
func (f Fault) Error() string { return f.Where() + ": " + f.Message }
