package bot

// A process can't be stopped and continued here: see freeze_test.go.
const childAPI = "BOT_TEST_CHILD_API"

func child(string) int { return 0 }
