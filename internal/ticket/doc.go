// Package ticket keeps a ticket with the owners of what runs for each vulnerability that they
// are to mend: opened, rewritten as it spreads or shrinks, and closed once nothing has it, in GitHub,
// GitLab or Jira.
//
// There is one ticket for an owner and a vulnerability. A label of its own names it in the tracker, so
// that none is opened twice, whatever was forgotten here. What people write into a ticket stays; its title and
// first text are the program's.
//
// It is not a way to decide: a ticket that somebody closes while the vulnerability is there is left
// closed, and the finding stays what it is.
package ticket
