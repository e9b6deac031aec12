package imports

import "github.com/sirupsen/logrus"

// alarm takes account of what a look means for the server's alerts. Nobody is told of a server that is not configured
// any more: that it can't be reached is what was asked for.
func (w *watcher) alarm(before Server, o Observation) {
	if _, gone := w.cfg.Client.(goneServer); gone {
		return
	}
	w.srv.Alerts = w.cfg.Rules.Watch(before, w.srv, w.active, w.recent, o, o.At)
	changed := changedAlerts(before.Alerts, w.srv.Alerts)
	w.alarms = append(w.alarms, changed...)
	w.news = w.news || len(changed) > 0
}

// changedAlerts are those that were raised, or are over, since.
func changedAlerts(before, after []Alert) (changed []Alert) {
	open := make(map[string]bool, len(before))
	for _, a := range before {
		open[a.ID] = a.Open()
	}
	for _, a := range after {
		if was := open[a.ID]; was != a.Open() {
			changed = append(changed, a)
		}
	}
	return changed
}

// logAlert tells the log.
func (w *watcher) logAlert(a Alert) {
	fields := logrus.Fields{"alert": a.ID, "kind": a.Kind, "since": a.Since}
	if a.Open() {
		w.log.WithFields(fields).Warn("alert")
		return
	}
	w.log.WithFields(fields).Info("alert over")
}
