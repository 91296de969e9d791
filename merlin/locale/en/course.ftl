# Courses
course-too-many-favourites = My courses can hold up to { $limit } courses: remove some you don't need.
course-unknown = Course not found: it may be hidden or removed. Open the list of courses again.
material-unknown = Material not found: it may have been removed from this course. Open the course again.
