package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
)

// problem is an error as RFC 9457 puts it, with what an ident.Error adds.
type problem struct {
	Status int    `json:"status" doc:"The HTTP status code"`
	Title  string `json:"title" doc:"What the status code means"`
	Detail string `json:"detail" doc:"What is wrong, in one sentence"`
	Hint   string `json:"hint,omitempty" doc:"How to mend it"`
	Where  string `json:"where,omitempty" doc:"The file and line, or the JSON pointer, at fault"`
	// Quarantine is where a document that was not taken in is kept.
	Quarantine string `json:"quarantine,omitempty" doc:"The digest under which a refused document is kept"`
	// Errors are the faults of a request that does not fit its description.
	Errors []*huma.ErrorDetail `json:"errors,omitempty" nullable:"false" doc:"Each fault of a request that does not fit this description"`
}

// Every error answer is a problem, also one that huma gives before an operation is
// asked; and huma takes the description of errors from what this returns.
func init() {
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		p := &problem{Status: status, Title: http.StatusText(status), Detail: detail}
		for _, err := range errs {
			var described huma.ErrorDetailer
			switch {
			case errors.As(err, &described):
				p.Errors = append(p.Errors, described.ErrorDetail())
			case err != nil:
				p.Errors = append(p.Errors, &huma.ErrorDetail{Message: err.Error()})
			}
		}
		return p
	}
}

func (p *problem) Error() string  { return p.Detail }
func (p *problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457.
func (p *problem) ContentType(string) string { return "application/problem+json" }

// statusOf says which status code an error has.
func statusOf(err error) int {
	var busy *catalog.BusyError
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &busy):
		return http.StatusTooManyRequests
	case errors.As(err, &big):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	switch ident.KindOf(err) {
	case ident.KindUsage:
		return http.StatusBadRequest
	case ident.KindInvalid:
		return http.StatusUnprocessableEntity
	case ident.KindNotFound:
		return http.StatusNotFound
	case ident.KindLimit:
		return http.StatusRequestEntityTooLarge
	case ident.KindUnsupported:
		return http.StatusUnsupportedMediaType
	case ident.KindRefused:
		return http.StatusForbidden
	case ident.KindIndeterminate:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// problemOf turns an error into what the caller is told. The cause of a failure is
// the operator's to read, in the log, and nobody else's.
func problemOf(err error) (huma.StatusError, http.Header) {
	p := &problem{Status: statusOf(err)}
	p.Title = http.StatusText(p.Status)
	var e *ident.Error
	switch {
	case p.Status == http.StatusInternalServerError:
		p.Detail = "the server could not answer"
		p.Hint = "its log says why, under the number in the header X-Request-Id"
	case errors.As(err, &e):
		p.Detail, p.Hint, p.Where = e.Message, e.Hint, e.Where
	case p.Status == http.StatusRequestEntityTooLarge:
		p.Detail, p.Hint = "the request is larger than this server takes", "limits.documentBytes in the server's configuration"
	default:
		p.Detail = err.Error()
	}
	var kept *catalog.RejectedError
	if errors.As(err, &kept) {
		p.Quarantine = kept.Digest.String()
	}
	header := http.Header{}
	var busy *catalog.BusyError
	if errors.As(err, &busy) {
		header.Set("Retry-After", strconv.Itoa(max(1, int(busy.After.Round(time.Second)/time.Second))))
	}
	if p.Status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "5")
	}
	return p, header
}

// writeProblem answers with a problem where no operation does.
func writeProblem(w http.ResponseWriter, e huma.StatusError) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(e.GetStatus())
	_ = json.NewEncoder(w).Encode(e) // a client that went away is no concern of ours
}
