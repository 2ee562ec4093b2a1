module tongbao-example

go 1.19
