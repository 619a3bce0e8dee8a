module kew.example/check

go 1.26
