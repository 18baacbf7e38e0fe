package draft7

import (
	"strconv"
	"strings"
)

// A step goes from a container to one of its values.
type step struct {
	name  string
	index int
	named bool
}

// A path leads from the document to a value.
type path []step

var escapePointer = strings.NewReplacer("~", "~0", "/", "~1")

// maxPointer bounds a pointer in a message, because names are foreign and may be as long as the document.
const maxPointer = 1024

// pointer returns the path as a JSON pointer (RFC 6901).
func (p path) pointer() string {
	var b strings.Builder
	for _, s := range p {
		b.WriteByte('/')
		switch {
		case !s.named:
			b.WriteString(strconv.Itoa(s.index))
		case len(s.name) > maxPointer:
			b.WriteString(escapePointer.Replace(strings.ToValidUTF8(s.name[:maxPointer], "") + "…"))
		default:
			b.WriteString(escapePointer.Replace(s.name))
		}
		if b.Len() > maxPointer {
			b.WriteString("/…")
			break
		}
	}
	return b.String()
}
