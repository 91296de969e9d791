# Courses
courses-none = No dataset has a course.yaml yet.
course-active = active
course-inactive = inactive
col-semester = semester
col-course = course
col-name = name
col-materials = materials
col-teachers = teachers
course-too-many-favourites = My courses can hold up to { $limit } courses: remove some you don't need.
course-unknown = Course not found.
material-unknown = Material not found in this course.
