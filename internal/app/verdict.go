package app

import (
	"fmt"
	"strings"

	"importbot/bigfix"
	"importbot/imports"
)

// verdict says how the import ended, and claims no more than is known.
func (r *run) verdict() string {
	imp := r.imp
	what := fmt.Sprintf("%s import on %s", capital(typeWords(imp.Type)), r.server.Name)
	after := ""
	if d, ok := imp.Duration(); ok {
		after = " after " + about(d)
	}
	switch imp.Outcome {
	case imports.Succeeded:
		if imp.Type == bigfix.TypeRaw {
			return fmt.Sprintf("%s succeeded%s. The raw data is available through the REST API only; the web pages, but for the Metering Data report, still show the last complete import.", what, after)
		}
		return fmt.Sprintf("%s succeeded%s. Reports now show its data.", what, after)
	case imports.Failed:
		return fmt.Sprintf("%s failed%s: the server says %q. %s", what, after, r.word(), r.whereToLook())
	case imports.Unclear:
		return fmt.Sprintf("%s is over%s; the server reports an import that ended with %q. I can't be sure that it is the same one: %s. %s",
			what, after, r.word(), doubts(imp.Doubts), r.whereToLook())
	case imports.NotBegun:
		return fmt.Sprintf("%s did not begin: %s. %s", what, r.why(), r.whereToLook())
	}
	return fmt.Sprintf("%s: I can't say how it ended: %s. %s", what, r.why(), r.whereToLook())
}

func (r *run) word() string {
	if r.imp.End == nil || r.imp.End.Status == "" {
		return "nothing"
	}
	return printable(string(r.imp.End.Status))
}

func (r *run) whereToLook() string {
	return "See " + r.page() + ", or the log on the server under …/logs/imports."
}

// why says what led to an outcome that is no end of an import.
func (r *run) why() string {
	imp := r.imp
	failure := imp.Reason.Failure
	if failure == nil {
		failure = imp.SendAnswer
	}
	answer := ""
	if failure != nil {
		answer = printable(failure.Reason)
		if failure.Message != "" {
			answer += fmt.Sprintf(", %q", printable(failure.Message))
		}
	}
	switch imp.Reason.Kind {
	case imports.ReasonNothingMoved:
		return "it was running, is not any more, and the server reports nothing new; it may have been interrupted"
	case imports.ReasonOutOfSight:
		return fmt.Sprintf("the server has not answered since %s", at(imp.Lost, imp.EndedAt))
	case imports.ReasonHistory:
		return "the server's own history went backwards"
	case imports.ReasonNoSign:
		if answer != "" {
			return "the server answered " + answer + ", and showed no sign of it since"
		}
		return fmt.Sprintf("the server took the request and showed no sign of it for %s", about(r.rules.StartGrace))
	}
	if answer != "" {
		return "the server answered " + answer
	}
	return "the server gives no reason"
}

// doubts lists what speaks against the reported end being this import's.
func doubts(all []imports.Doubt) string {
	words := make([]string, 0, len(all))
	for _, d := range all {
		switch d.Kind {
		case imports.DoubtGap:
			words = append(words, fmt.Sprintf("I saw nothing between %s and %s", d.From.Local().Format("15:04"), d.To.Local().Format("15:04")))
		case imports.DoubtFellBack:
			words = append(words, "its progress fell back on the way")
		case imports.DoubtNightly:
			words = append(words, "a scheduled import was due in the same minutes")
		case imports.DoubtType, imports.DoubtTypeUnknown:
			words = append(words, "the reported type is another one, or none")
		case imports.DoubtTime:
			words = append(words, "the reported time fits neither its beginning nor its end")
		case imports.DoubtNoBaseline:
			words = append(words, "nothing is known of the time before it")
		default:
			words = append(words, string(d.Kind))
		}
	}
	if len(words) == 0 {
		return "the evidence is incomplete"
	}
	return strings.Join(words, "; ")
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
